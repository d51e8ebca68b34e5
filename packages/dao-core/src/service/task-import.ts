import type { CallOptions } from "../contract/call-options.ts";
import { ValidationError } from "../contract/errors.ts";
import { validate } from "../contract/fields/validation.ts";
import { type TaskImportDto, taskImportDto } from "../contract/task.ts";
import type { DatabaseSession } from "../session/database-session.ts";
import { inCallersContext } from "../session/transaction/transaction-context.ts";
import { throwIfAborted, untilAborted } from "../session/waiting/abort-signal.ts";
import { withDeadline } from "../session/waiting/deadline.ts";

/** Tasks in one statement: enough that a round trip is nothing beside it, few enough to be held in memory. */
const BATCH_SIZE = 1_000;

/**
 * Milliseconds after which what has come of a batch is written, once the transaction is open: a source that takes its time, but goes
 * on, leaves the transaction idle for no longer.
 */
const BATCH_TIME = 1_000;

export type TaskSource = Iterable<TaskImportDto> | AsyncIterable<TaskImportDto>;

/**
 * Creates the tasks of `source`, all of them or none: in one statement if they are few, else in one transaction. Untouched until
 * its turn has come, as {@link DatabaseSession.runImport} says; an array for one statement makes no connection wait.
 * @throws what the source throws, and what `createTasks` of the task service does
 */
export function importTasks(session: DatabaseSession, source: TaskSource, options: CallOptions = {}): Promise<number> {
  return withDeadline(options, async (bounded) => {
    const { signal } = bounded;
    throwIfAborted(signal);
    checkSource(source);
    let batches: TaskBatches | undefined;
    const run = () => {
      batches = new TaskBatches(source, signal);
      return write(session, batches, bounded);
    };
    const isOneStatement = Array.isArray(source) && source.length <= BATCH_SIZE;
    try {
      return isOneStatement || session.runImport === undefined ? await run() : await session.runImport(run, signal);
    } finally {
      // After its turn: a source that takes its time to close keeps no other from beginning.
      await batches?.close();
    }
  });
}

async function write(session: DatabaseSession, batches: TaskBatches, options: CallOptions): Promise<number> {
  const first = await batches.next();
  if (first.length === 0) return 0;
  // A source of exactly one batch has not said yet that it has no more.
  const second = await batches.next();
  if (second.length === 0) return session.tasks.createMany(first, options);
  return session.transaction((transaction) => writeAll(transaction, first, second, batches), options);
}

async function writeAll(
  { tasks }: DatabaseSession,
  first: TaskImportDto[],
  second: TaskImportDto[],
  batches: TaskBatches,
): Promise<number> {
  let count = await tasks.createMany(first);
  for (let batch = second; batch.length > 0; ) {
    // Read and checked while this one is written. If it fails, that is heard when its turn comes.
    const next = batches.next(BATCH_TIME);
    next.catch(() => undefined);
    count += await tasks.createMany(batch);
    batch = await next;
  }
  return count;
}

/** @throws ValidationError for what a caller without a type checker could send */
function checkSource(source: unknown): void {
  const isObject = typeof source === "object" && source !== null;
  if (isObject && (Symbol.asyncIterator in source || Symbol.iterator in source)) return;
  throw new ValidationError([{ path: "", message: "must be tasks in a list, or in what else can be iterated" }]);
}

/** A source, checked and in batches, read as they are asked for. */
class TaskBatches {
  readonly #iterator: Iterator<TaskImportDto> | AsyncIterator<TaskImportDto>;
  readonly #signal: AbortSignal | undefined;
  readonly #readInContext: (time: number) => Promise<TaskImportDto[]>;
  #count = 0;
  #isDone = false;
  /** Whether the source was asked for a task and has not answered. */
  #isWaiting = false;

  constructor(source: TaskSource, signal: AbortSignal | undefined) {
    this.#iterator = Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
    this.#signal = signal;
    // It may use the database itself, and is no part of the transaction that its tasks are written in.
    this.#readInContext = inCallersContext((time: number) => this.#read(time));
  }

  /**
   * The next tasks; none when there are no more.
   * @param time milliseconds after which fewer than {@link BATCH_SIZE} will do, though one at least
   * @throws ValidationError; what the source throws; the signal's reason
   */
  next(time = Number.POSITIVE_INFINITY): Promise<TaskImportDto[]> {
    return untilAborted(this.#readInContext(time), this.#signal);
  }

  /** Lets the source go, if it has not come to its end. One that hangs would never say that it has gone. */
  async close(): Promise<void> {
    if (this.#isDone) return;
    const gone = this.#leave();
    if (this.#isWaiting || this.#signal?.aborted === true) gone.catch(() => undefined);
    else await untilAborted(gone, this.#signal);
  }

  async #leave(): Promise<void> {
    await this.#iterator.return?.();
  }

  async #read(time: number): Promise<TaskImportDto[]> {
    const batch: TaskImportDto[] = [];
    const end = performance.now() + time;
    while (batch.length < BATCH_SIZE && (batch.length === 0 || performance.now() < end)) {
      const { done, value } = await this.#take();
      if (done === true) break;
      batch.push(validate(taskImportDto, value, String(this.#count++)));
      throwIfAborted(this.#signal);
    }
    return batch;
  }

  async #take(): Promise<IteratorResult<TaskImportDto, unknown>> {
    if (this.#isDone) return { done: true, value: undefined };
    this.#isWaiting = true;
    try {
      const taken = await this.#iterator.next();
      this.#isDone = taken.done === true;
      return taken;
    } finally {
      this.#isWaiting = false;
    }
  }
}
