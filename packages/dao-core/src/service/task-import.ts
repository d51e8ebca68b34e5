import type { CallOptions } from "../contract/call-options.ts";
import { ValidationError } from "../contract/errors.ts";
import { validate } from "../contract/fields/validation.ts";
import { type TaskImportDto, taskImportDto } from "../contract/task.ts";
import type { DatabaseSession } from "../session/database-session.ts";
import { IMPORT_BATCH_ROWS, IMPORT_BATCH_TIME, SOURCE_CLOSE_TIMEOUT } from "../session/limits.ts";
import { inCallersContext } from "../session/transaction/transaction-context.ts";
import {
  throwIfAborted,
  untilAborted,
  withDeadline,
  withEitherSignal,
  withinTime,
} from "../session/waiting/deadline.ts";

export type TaskSource = Iterable<TaskImportDto> | AsyncIterable<TaskImportDto>;

/**
 * Creates the tasks of `source`, all of them or none: in one statement if they are few, otherwise in one transaction. The source
 * is not read before its turn (see {@link DatabaseSession.runImport}); an array that fits into one statement does not wait.
 * @throws what the source throws, and what the task service's `createTasks` does
 */
export function importTasks(session: DatabaseSession, source: TaskSource, options: CallOptions = {}): Promise<number> {
  return withDeadline(options, async (bounded) => {
    const { signal, requester } = bounded;
    throwIfAborted(signal);
    checkSource(source);
    let batches: TaskBatches | undefined;
    const run = () => {
      batches = new TaskBatches(source, signal);
      return write(session, batches, bounded);
    };
    const isOneStatement = Array.isArray(source) && source.length <= IMPORT_BATCH_ROWS;
    try {
      if (isOneStatement) return await run();
      return await withEitherSignal(signal, requester?.signal, (either) => session.runImport?.(run, either) ?? run());
    } finally {
      // After its turn, so that a source that closes slowly does not delay the next import.
      await batches?.close();
    }
  });
}

async function write(session: DatabaseSession, batches: TaskBatches, options: CallOptions): Promise<number> {
  const first = await batches.next();
  if (first.length === 0) return 0;
  // A full batch may still be the only one.
  const second = await batches.next();
  if (second.length === 0) return session.tasks.createMany(first, options);
  return session.transaction(async ({ tasks }) => {
    let count = await tasks.createMany(first);
    for (let batch = second; batch.length > 0; ) {
      // Read and validated while this one is written; a failure is thrown when it is awaited.
      const next = batches.next(IMPORT_BATCH_TIME);
      next.catch(() => undefined);
      count += await tasks.createMany(batch);
      batch = await next;
    }
    return count;
  }, options);
}

/** @throws ValidationError for a source that is not iterable, from callers without a type checker */
function checkSource(source: unknown): void {
  const isObject = typeof source === "object" && source !== null;
  if (isObject && (Symbol.asyncIterator in source || Symbol.iterator in source)) return;
  throw new ValidationError([{ path: "", message: "must be an array or another iterable of tasks" }]);
}

/** A source as validated batches, read on demand. */
class TaskBatches {
  readonly #iterator: Iterator<TaskImportDto> | AsyncIterator<TaskImportDto>;
  readonly #signal: AbortSignal | undefined;
  readonly #readOutside: (time: number) => Promise<TaskImportDto[]>;
  #count = 0;
  #isDone = false;
  /** Whether the source was asked for a task and has not returned it yet. */
  #isWaiting = false;

  constructor(source: TaskSource, signal: AbortSignal | undefined) {
    this.#iterator = Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
    this.#signal = signal;
    // The source may use the database, outside the transaction that its tasks are written in.
    this.#readOutside = inCallersContext((time: number) => this.#read(time));
  }

  /** The next batch, empty at the end. After `time` milliseconds it may be incomplete, but not empty. */
  next(time = Number.POSITIVE_INFINITY): Promise<TaskImportDto[]> {
    return untilAborted(this.#readOutside(time), this.#signal);
  }

  /** Closes the source unless it has ended, without waiting for one that hangs. The import's own error says why it ended. */
  close(): Promise<void> {
    if (this.#isDone) return Promise.resolve();
    const closed = this.#return().catch(() => undefined);
    if (this.#isWaiting || this.#signal?.aborted === true) return Promise.resolve();
    return withinTime(closed, SOURCE_CLOSE_TIMEOUT, this.#signal, () => undefined).catch(() => undefined);
  }

  async #return(): Promise<void> {
    await this.#iterator.return?.();
  }

  async #read(time: number): Promise<TaskImportDto[]> {
    const batch: TaskImportDto[] = [];
    const end = performance.now() + time;
    while (!this.#isDone && batch.length < IMPORT_BATCH_ROWS && (batch.length === 0 || performance.now() < end)) {
      this.#isWaiting = true;
      try {
        const next = this.#iterator.next();
        // A promise for each task costs more than its validation, so there is none if the source is synchronous.
        const { done, value } = typeof next === "object" && next !== null && "then" in next ? await next : next;
        this.#isDone = done === true;
        if (done !== true) batch.push(validate(taskImportDto, value, String(this.#count++)));
      } finally {
        this.#isWaiting = false;
      }
      throwIfAborted(this.#signal);
    }
    return batch;
  }
}
