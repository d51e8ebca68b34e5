import type { CallOptions } from "./contract/call-options.ts";
import { isDaoError, UnitOfWorkMisuseError } from "./contract/errors.ts";
import { DaoSet } from "./session/dao-set.ts";
import type { DatabaseSession, TransactionOptions } from "./session/database-session.ts";
import { type Retry, withRetries } from "./session/retry.ts";
import { withDeadline } from "./session/waiting/deadline.ts";

/** How a unit of work runs. */
export interface UnitOfWorkOptions extends TransactionOptions {
  /**
   * How often the callback is run again when the database gives the work up for others (serialization failure, deadlock).
   * The callback must then be safe to run again: what it does outside the database is not undone. Before the nth retry
   * it waits up to 20 · 2ⁿ⁻¹ ms, at random, and a second at most. Default 0.
   */
  readonly retries?: number | undefined;
  /** Called before each retry, to count or to log it; what it throws ends the attempts. */
  readonly onRetry?: ((retry: Retry) => void) | undefined;
}

/**
 * Several writes that happen together or not at all. It carries the six DAOs, and is a session itself: give it to a
 * service, and the service works inside it.
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
  /** Whether the commit is ours: not where somebody else's transaction was joined. */
  readonly #commits: boolean;
  readonly #afterCommit: (() => void | Promise<void>)[] = [];
  /** Shared with whoever ends the transaction, which may be before its callback ends. */
  readonly #life: { hasEnded: boolean };

  private constructor(session: DatabaseSession, commits: boolean, life: { hasEnded: boolean }) {
    super(session);
    this.#session = session;
    this.#commits = commits;
    this.#life = life;
  }

  /**
   * Runs `work` as one transaction: when its promise fulfils everything is committed, when it rejects everything is
   * rolled back. Within another unit of work it is a savepoint: what fails is undone up to there, and the outer one
   * goes on if it catches the error. A host's transaction is joined the same way, and never committed here.
   *
   * It also rejects, whatever `work` waits for, at its `timeout` or abort and when its connection is lost. When it has settled,
   * nothing of it reaches the database any more: nested ones that are still open are closed with it, and what `work` goes
   * on to do is refused with a UnitOfWorkMisuseError. One on another database that `work` has begun, and waits for, is rolled
   * back, too, and rejects with an UnavailableError.
   *
   * @throws whatever `work` throws; RetryableError when the database gave the work up and no retry is left;
   *   TransactionLostError when the connection was lost; UnavailableError; UnitOfWorkMisuseError when a promise was not
   *   awaited, or the error of a failed statement was swallowed
   */
  static async run<Result>(
    session: DatabaseSession,
    work: (uow: DaoUnitOfWork) => Promise<Result>,
    { retries = 0, onRetry, ...options }: UnitOfWorkOptions = {},
  ): Promise<Result> {
    if (session.isTransaction && retries > 0) {
      throw new UnitOfWorkMisuseError("Only a whole transaction can be run again. Set retries where it begins.");
    }
    if (session instanceof DaoUnitOfWork) return session.#nest(work, options);
    const told = (retry: Retry) => {
      session.telemetry?.retried("unit of work", retry);
      onRetry?.(retry);
    };
    const [result, uow] = await withDeadline(options, (bounded) =>
      withRetries(
        { retries, onRetry: told, isRetryable },
        () => DaoUnitOfWork.#begin(session, !session.isTransaction, work, bounded),
        bounded.signal,
      ),
    );
    await runAll(uow.#afterCommit);
    return result;
  }

  /**
   * Calls `callback` once everything is committed, and never if it is not; in the order of registration, and whether or
   * not one before it failed. `run` waits for all of them, and rejects with what they throw (an `AggregateError` if it
   * is more than one), though the work is committed.
   * @throws UnitOfWorkMisuseError after the end, and inside a transaction that somebody else began and will commit
   */
  afterCommit(callback: () => void | Promise<void>): void {
    if (this.#life.hasEnded)
      throw new UnitOfWorkMisuseError("This unit of work has ended: it has no commit to wait for.");
    if (!this.#commits) {
      throw new UnitOfWorkMisuseError(
        "The commit is not ours here. Do after it, where it is made, what comes after it.",
      );
    }
    this.#afterCommit.push(callback);
  }

  /** A nested unit of work for code that knows only sessions; the same as {@link DaoUnitOfWork.run} on this one. */
  transaction<Result>(
    work: (session: DatabaseSession) => Promise<Result>,
    options?: TransactionOptions,
  ): Promise<Result> {
    return this.#nest(work, options);
  }

  static async #begin<Result>(
    session: DatabaseSession,
    commits: boolean,
    work: (uow: DaoUnitOfWork) => Promise<Result>,
    options: TransactionOptions | undefined,
  ): Promise<[Result, DaoUnitOfWork]> {
    const life = { hasEnded: false };
    try {
      return await session.transaction(async (transaction) => {
        const uow = new DaoUnitOfWork(transaction, commits, life);
        return [await work(uow), uow];
      }, options);
    } finally {
      life.hasEnded = true;
    }
  }

  async #nest<Result>(
    work: (uow: DaoUnitOfWork) => Promise<Result>,
    options: TransactionOptions | undefined,
  ): Promise<Result> {
    const [result, nested] = await DaoUnitOfWork.#begin(this.#session, this.#commits, work, options);
    this.#afterCommit.push(...nested.#afterCommit);
    return result;
  }
}

/** How often repeatable work is run again. */
const REPEATS = 5;

/**
 * Runs work of this library's own as a unit of work: it does nothing outside the database, so it is run again when the
 * database gives it up for others, where the whole transaction is its own.
 */
export function runRepeatable<Result>(
  session: DatabaseSession,
  { signal, timeout }: CallOptions,
  work: (uow: DaoUnitOfWork) => Promise<Result>,
): Promise<Result> {
  return DaoUnitOfWork.run(session, work, { signal, timeout, retries: session.isTransaction ? 0 : REPEATS });
}

const isRetryable = (error: unknown): boolean => isDaoError(error) && error.code === "retryable";

/** Calls all of them, one after the other; a mail that fails does not stop the cache from being cleared. */
async function runAll(callbacks: readonly (() => void | Promise<void>)[]): Promise<void> {
  const errors: unknown[] = [];
  for (const callback of callbacks) {
    try {
      await callback();
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length > 1) throw new AggregateError(errors, "Committed; what was to come after the commit failed.");
  if (errors.length === 1) throw errors[0];
}
