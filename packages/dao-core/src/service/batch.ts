import { type BatchOptions, MAX_BATCH_OPERATIONS } from "../contract/batch.ts";
import { operationError } from "../contract/errors.ts";
import { invalid } from "../contract/fields/validation.ts";
import type { DatabaseSession } from "../session/database-session.ts";
import { isWholeNumber } from "../session/limits.ts";
import { DaoSet } from "../session/session.ts";
import { runRetryable } from "../unit-of-work.ts";

/** Calls an operation with its arguments. */
export type CallOperation<Result> = (name: string, args: readonly unknown[]) => Promise<Result>;

/**
 * `DaoServices.batch`, for callers that call the operations themselves, such as an HTTP server.
 * @param callsIn called at the beginning of each attempt, with the session of the batch
 * @throws as `DaoServices.batch`, and what the calls throw
 */
export async function runBatch<Result>(
  session: DatabaseSession,
  operations: readonly (readonly [name: string, ...args: readonly unknown[]])[],
  options: BatchOptions = {},
  callsIn: (session: DatabaseSession) => CallOperation<Result>,
): Promise<Result[]> {
  validateBatch(operations, options);
  // The caller may change it meanwhile.
  const list = [...operations];
  return runRetryable(session, options, async (uow) => {
    const call = callsIn(new BatchSession(uow));
    const results: Result[] = [];
    for (const [number, [name, ...args]] of list.entries()) {
      try {
        results.push(await call(name, args));
      } catch (error) {
        throw operationError(error, number);
      }
    }
    return results;
  });
}

/**
 * The session of a batch's operations. The failure of one undoes all, so that none needs a savepoint: a conditional write takes
 * two statements instead of four.
 */
class BatchSession extends DaoSet implements DatabaseSession {
  readonly isTransaction = true;
  readonly #uow: DatabaseSession;

  constructor(uow: DatabaseSession) {
    super(uow);
    this.#uow = uow;
  }

  get pieces(): DatabaseSession["pieces"] {
    return this.#uow.pieces;
  }

  transaction<Result>(work: (session: DatabaseSession) => Promise<Result>): Promise<Result> {
    return work(this);
  }
}

/** What the compiler checks, for callers without types. */
function validateBatch(operations: unknown, { retries = 0 }: BatchOptions): void {
  if (!isWholeNumber(retries, 0)) throw invalid("retries", "must be a whole number from 0");
  if (!Array.isArray(operations) || operations.length < 1 || operations.length > MAX_BATCH_OPERATIONS) {
    throw invalid("operations", `must be a list of 1 to ${MAX_BATCH_OPERATIONS} operations`);
  }
  for (const [number, operation] of operations.entries()) {
    const name: unknown = Array.isArray(operation) ? operation[0] : undefined;
    if (typeof name !== "string")
      throw invalid(String(number), "must be a list of an operation's name and its arguments");
    if (name === "tasks.createTasks" || name.includes(".stream")) {
      throw invalid(String(number), `must not be ${name}, which takes any number of rows: call it by itself`);
    }
    if (name.startsWith("changes.")) {
      throw invalid(String(number), `must not be ${name}, which reads what is committed: call it by itself`);
    }
  }
}
