import type { CallOptions } from "./contract/call-options.ts";
import { isDaoError, UnitOfWorkMisuseError } from "./contract/errors.ts";
import { invalid } from "./contract/fields/validation.ts";
import type { DatabaseSession, TransactionOptions } from "./session/database-session.ts";
import { type Retry, withRetries } from "./session/executor.ts";
import { isWholeNumber, OWN_RETRIES } from "./session/limits.ts";
import type { PieceReads } from "./session/piece-reads.ts";
import { DaoSet } from "./session/session.ts";
import { OWN_WORK } from "./session/transaction/transaction-context.ts";
import { withDeadline } from "./session/waiting/deadline.ts";

/** How a unit of work runs. */
export interface UnitOfWorkOptions extends TransactionOptions {
  /**
   * How often the callback is run again after a serialization failure or deadlock, or if it finds a table altered. It must then be
   * safe to repeat: effects outside the database are not undone. The nth retry waits a random time of up to 20 · 2ⁿ⁻¹ ms, at most
   * one second. Default 0.
   */
  readonly retries?: number | undefined;
  /** Called before each retry, for counting or logging; an error thrown here ends the attempts. Default: none. */
  readonly onRetry?: ((retry: Retry) => void) | undefined;
}

/**
 * Several writes that happen together or not at all. It has the six DAOs, and is itself a session: services created on it run
 * inside it.
 *
 * ```ts
 * const goal = await DaoUnitOfWork.run(db, async (uow) => {
 *   const user = await uow.users.create({ name: "Ada", email: "ada@example.com" });
 *   return uow.goals.create({ userId: user.id, title: "Learn Spanish" });
 * });
 * ```
 */
export class DaoUnitOfWork extends DaoSet implements DatabaseSession {
  readonly isTransaction = true;
  readonly #session: DatabaseSession;
  /** Whether this library commits the transaction, not an application whose transaction was joined. */
  readonly #ownsCommit: boolean;
  /** Shared with `#begin`: the transaction may end before its callback settles. */
  readonly #life: Life;

  private constructor(session: DatabaseSession, ownsCommit: boolean, life: Life) {
    super(session);
    this.#session = session;
    this.#ownsCommit = ownsCommit;
    this.#life = life;
  }

  get ordersCalls(): boolean | undefined {
    return this.#session.ordersCalls;
  }

  /** Reads whose memory does not depend on the length of rows, if the session has them. */
  get pieces(): PieceReads | undefined {
    return this.#session.pieces;
  }

  /**
   * Runs `work` as one transaction: committed when its promise fulfils, rolled back when it rejects. Within another unit of
   * work, or an application's transaction, it is a savepoint: a failure is undone up to there, and the outer one continues if
   * it catches the error.
   *
   * It also rejects, whatever `work` is waiting for, at its `timeout` or abort, and when its connection is lost. Once it has
   * settled, nothing more of it reaches the database: nested units of work end with it, and later calls on them throw a
   * UnitOfWorkMisuseError. One on another database that `work` waits for is rolled back with an UnavailableError.
   * @throws what `work` throws; RetryableError after a serialization failure or deadlock, or an altered table, once no retry is
   *   left; TransactionLostError if the connection was lost; UnavailableError; UnitOfWorkMisuseError if a promise was not awaited,
   *   or the error of a failed statement was swallowed
   */
  static async run<Result>(
    session: DatabaseSession,
    work: (uow: DaoUnitOfWork) => Promise<Result>,
    { retries = 0, onRetry, ...options }: UnitOfWorkOptions = {},
  ): Promise<Result> {
    assertSession(session);
    assertWork(work);
    if (!isWholeNumber(retries, 0)) throw invalid("retries", "must be a whole number from 0");
    if (session.isTransaction && retries > 0) {
      throw new UnitOfWorkMisuseError("Only the outermost transaction can be retried. Set retries where it begins.");
    }
    if (session instanceof DaoUnitOfWork) return session.transaction(work, options);
    const notify = (retry: Retry) => {
      session.telemetry?.retried?.("unit of work", retry.error);
      onRetry?.(retry);
    };
    const [result, afterCommit] = await withDeadline(options, (bounded) => {
      const begin = () => DaoUnitOfWork.#begin(session, !session.isTransaction, work, bounded);
      return retries === 0 ? begin() : withRetries({ retries, onRetry: notify, isRetryable }, begin, bounded.signal);
    });
    if (afterCommit.length > 0) await runAll(afterCommit);
    return result;
  }

  /**
   * Calls `callback` once the outermost transaction is committed, and never if it is not. All callbacks run, one after the
   * other; `run` waits for them, and rejects with what they throw (an `AggregateError` if several do). A crash between the
   * commit and a callback loses the callback: what must not be lost is a job (docs/how-to/jobs.md).
   * @throws UnitOfWorkMisuseError after the end, and inside a transaction that the application began and will commit
   */
  afterCommit(callback: () => void | Promise<void>): void {
    const refuse = (sentence: string) => {
      throw new UnitOfWorkMisuseError(sentence);
    };
    if (this.#life.hasEnded) refuse("This unit of work has ended. Register callbacks before it does.");
    if (!this.#ownsCommit)
      refuse("The application commits this transaction. Run the callback there, after its commit.");
    if (typeof callback !== "function") refuse("afterCommit takes a function, and calls it after the commit.");
    this.#life.afterCommit.push(callback);
  }

  /** Runs a nested unit of work, like {@link DaoUnitOfWork.run} on this one, for code that only knows sessions. */
  async transaction<Result>(
    work: (uow: DaoUnitOfWork) => Promise<Result>,
    options?: TransactionOptions,
  ): Promise<Result> {
    const [result, afterCommit] = await DaoUnitOfWork.#begin(this.#session, this.#ownsCommit, work, options);
    // A spread has no room for a hundred thousand.
    for (const callback of afterCommit) this.#life.afterCommit.push(callback);
    return result;
  }

  static async #begin<Result>(
    session: DatabaseSession,
    ownsCommit: boolean,
    work: (uow: DaoUnitOfWork) => Promise<Result>,
    options: TransactionOptions | undefined,
  ): Promise<[Result, Life["afterCommit"]]> {
    const life: Life = { hasEnded: false, afterCommit: [] };
    try {
      const run = (transaction: DatabaseSession) => work(new DaoUnitOfWork(transaction, ownsCommit, life));
      return [await session.transaction(run, options), life.afterCommit];
    } finally {
      life.hasEnded = true;
    }
  }
}

/** For callers without types. @throws UnitOfWorkMisuseError for services, and for what was not awaited */
export function assertSession(session: DatabaseSession): void {
  if (typeof session?.transaction === "function") return;
  throw new UnitOfWorkMisuseError(
    "This takes a database or a unit of work: await openDatabase(), and pass what it returns.",
  );
}

/** For callers without types. @throws ValidationError for no work, and for options in its place */
export function assertWork(work: unknown): void {
  if (typeof work !== "function") throw invalid("work", "must be a function of a unit of work that returns a promise");
}

interface Life {
  hasEnded: boolean;
  readonly afterCommit: (() => void | Promise<void>)[];
}

/**
 * Runs the library's own work, which does nothing outside the database, and so can be retried unless it is nested.
 * @param isOwn whether none of the application's code runs in it
 */
export function runRetryable<Result>(
  session: DatabaseSession,
  { signal, timeout, requester, readAfter, ...others }: CallOptions & Pick<UnitOfWorkOptions, "retries">,
  work: (uow: DaoUnitOfWork) => Promise<Result>,
  isOwn = true,
): Promise<Result> {
  const retries = others.retries ?? (session.isTransaction ? 0 : OWN_RETRIES);
  const options = { signal, timeout, requester, readAfter, retries, [OWN_WORK]: isOwn };
  return DaoUnitOfWork.run(session, work, options);
}

const isRetryable = (error: unknown): boolean => isDaoError(error) && error.code === "retryable";

/** Calls all callbacks in order, even if some fail. */
async function runAll(callbacks: readonly (() => void | Promise<void>)[]): Promise<void> {
  const errors: unknown[] = [];
  for (const callback of callbacks) {
    try {
      await callback();
    } catch (error) {
      errors.push(error);
    }
  }
  const sentence = "The unit of work was committed, but several of its afterCommit callbacks failed.";
  if (errors.length > 1) throw new AggregateError(errors, sentence);
  if (errors.length === 1) throw errors[0];
}
