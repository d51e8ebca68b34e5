import type { CallOptions } from "../contract/call-options.ts";
import { ValidationError } from "../contract/errors.ts";
import { type TaskImportDto, taskImportDto } from "../contract/task.ts";
import { validate } from "../contract/validation.ts";
import type { DatabaseSession } from "../session/database-session.ts";
import { inCallersContext } from "../session/transaction-context.ts";

/** Tasks in one statement: enough that a round trip is nothing beside it, few enough to be held in memory. */
const BATCH_SIZE = 1_000;

export type TaskSource = Iterable<TaskImportDto> | AsyncIterable<TaskImportDto>;

/**
 * Creates the tasks of `source`, all of them or none: in one statement if they are few, else in one transaction.
 * @throws what the source throws, and what `createTasks` of the task service does
 */
export async function importTasks(
  session: DatabaseSession,
  source: TaskSource,
  options: CallOptions | undefined,
): Promise<number> {
  const batches = new TaskBatches(source);
  try {
    const first = await batches.next();
    if (first.length === 0) return 0;
    // A source of exactly one batch has not said yet that it has no more.
    const second = await batches.next();
    if (second.length === 0) return await session.tasks.createMany(first, options);
    return await session.transaction((transaction) => writeAll(transaction, first, second, batches), options);
  } finally {
    await batches.close();
  }
}

async function writeAll(
  { tasks }: DatabaseSession,
  first: TaskImportDto[],
  second: TaskImportDto[],
  batches: TaskBatches,
): Promise<number> {
  let count = await tasks.createMany(first);
  for (let batch = second; batch.length > 0; ) {
    // The next is read and checked while this one is written. Both must have settled before the transaction ends.
    const [written, next] = await Promise.allSettled([tasks.createMany(batch), batches.next()]);
    if (written.status === "rejected") throw written.reason;
    if (next.status === "rejected") throw next.reason;
    count += written.value;
    batch = next.value;
  }
  return count;
}

/** @throws ValidationError for what a caller without a type checker could send */
function iteratorOf(source: TaskSource): Iterator<TaskImportDto> | AsyncIterator<TaskImportDto> {
  const given: unknown = source;
  if (typeof given === "object" && given !== null) {
    if (Symbol.asyncIterator in source) return source[Symbol.asyncIterator]();
    if (Symbol.iterator in source) return source[Symbol.iterator]();
  }
  throw new ValidationError([{ path: "", message: "must be tasks in a list, or in what else can be iterated" }]);
}

/** A source, checked and in batches, read as they are asked for. */
class TaskBatches {
  readonly #iterator: Iterator<TaskImportDto> | AsyncIterator<TaskImportDto>;
  readonly #readInContext: () => Promise<TaskImportDto[]>;
  #count = 0;
  #isDone = false;

  constructor(source: TaskSource) {
    this.#iterator = iteratorOf(source);
    // It may use the database itself, and is no part of the transaction that its tasks are written in.
    this.#readInContext = inCallersContext(() => this.#read());
  }

  /**
   * The next tasks; none when there are no more.
   * @throws ValidationError, and what the source throws
   */
  next(): Promise<TaskImportDto[]> {
    return this.#readInContext();
  }

  /** Lets the source go, if it has not come to its end. */
  async close(): Promise<void> {
    if (!this.#isDone) await this.#iterator.return?.();
  }

  async #read(): Promise<TaskImportDto[]> {
    const batch: TaskImportDto[] = [];
    while (!this.#isDone && batch.length < BATCH_SIZE) {
      const { done, value } = await this.#iterator.next();
      if (done === true) this.#isDone = true;
      else batch.push(validate(taskImportDto, value, String(this.#count++)));
    }
    return batch;
  }
}
