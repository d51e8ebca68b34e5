import type { CallOptions } from "../contract/call-options.ts";
import { withDeadline } from "../session/deadline.ts";
import { type Retry, type RetryPolicy, withRetries } from "../session/retry.ts";
import type {
  SqlDriver,
  SqlExecutor,
  SqlParameter,
  SqlResult,
  SqlTransaction,
  StatementOptions,
} from "../session/sql.ts";
import { isGivenUp } from "../session/to-dao-error.ts";
import {
  foreignTransactionMisuse,
  outerSessionMisuse,
  type TransactionContext,
} from "../session/transaction-context.ts";

/** What a session tells those who watch over it. */
export interface SessionOptions {
  /**
   * Called before a single statement that the database gave up for others (40001, 40P01) is tried again, to count or to
   * log it; what it throws ends the attempts. Units of work have one of their own.
   */
  readonly onRetry?: ((retry: Retry) => void) | undefined;
}

/** How often a single statement is tried again when the database gives it up for others, and for how long. */
const RETRIES = 9;
const RETRIES_WITHIN = 30_000;

/** Statements on a driver: one that was given up, and was not part of more, has left nothing behind and is tried again. */
export class SingleStatements implements SqlExecutor {
  readonly #driver: SqlDriver;
  readonly #retries: RetryPolicy;

  constructor(driver: SqlDriver, { onRetry }: SessionOptions) {
    this.#driver = driver;
    // Within somebody else's transaction nothing can be tried again: all of it was given up.
    const retries = driver.isTransaction ? 0 : RETRIES;
    this.#retries = { retries, within: RETRIES_WITHIN, isRetryable: isGivenUp, onRetry };
  }

  execute(text: string, parameters: readonly SqlParameter[], options: StatementOptions = {}): Promise<SqlResult> {
    const misuse = outerSessionMisuse(this.#driver);
    if (misuse !== undefined) return Promise.reject(misuse);
    return withDeadline(options, (bounded) =>
      withRetries(this.#retries, () => this.#driver.execute(text, parameters, bounded)),
    );
  }
}

/** Statements of a transaction. */
export class TransactionStatements implements SqlExecutor {
  readonly #transaction: SqlTransaction;
  readonly #context: TransactionContext;

  constructor(transaction: SqlTransaction, context: TransactionContext) {
    this.#transaction = transaction;
    this.#context = context;
  }

  execute(text: string, parameters: readonly SqlParameter[], options: CallOptions = {}): Promise<SqlResult> {
    const misuse = foreignTransactionMisuse(this.#context);
    if (misuse !== undefined) return Promise.reject(misuse);
    return withDeadline(options, (bounded) => this.#transaction.execute(text, parameters, bounded));
  }
}
