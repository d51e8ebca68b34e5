import type {
  SqlDriver,
  SqlExecutor,
  SqlParameter,
  SqlResult,
  SqlTransaction,
  StatementOptions,
} from "../../session/driver.ts";
import { isRetryableError } from "../../session/postgres-errors.ts";
import { type Retry, type RetryPolicy, SINGLE_CALL_RETRIES, withRetries } from "../../session/retry.ts";
import type { DatabaseTelemetry, Telemetry } from "../../session/telemetry.ts";
import {
  foreignTransactionMisuse,
  outerSessionMisuse,
  type TransactionContext,
} from "../../session/transaction/transaction-context.ts";
import { readOnlyMisuse } from "../../session/transaction/transaction-misuse.ts";
import { withDeadline } from "../../session/waiting/deadline.ts";

/** What a session tells those who watch over it. */
export interface SessionOptions {
  /**
   * Called before a single statement that ended in a serialization failure or deadlock (40001, 40P01) is retried, to count or to
   * log it; what it throws ends the attempts. Units of work have one of their own.
   */
  readonly onRetry?: ((retry: Retry) => void) | undefined;
  /**
   * Called after every statement, in and outside of units of work, to measure or to log it: each attempt for itself, but
   * not BEGIN, COMMIT and savepoints. What it throws is ignored.
   */
  readonly onStatement?: ((statement: StatementReport) => void) | undefined;
  /**
   * Makes spans and metrics of statements, units of work and the pool: `databaseTelemetry()` of
   * `@flux/dao-core/opentelemetry`. Default: none.
   */
  readonly telemetry?: Telemetry | undefined;
  /**
   * Bytes of JSON text that a conversation's messages may have in all. More is a `ValidationError` whose `isTooLarge` is
   * `true`. One that has more already can be read, and made shorter. Default 8,388,608 (8 MiB).
   */
  readonly maxConversationBytes?: number | undefined;
}

/** A statement that came to its end. */
export interface StatementReport {
  /** As it was sent, with `$1`, `$2`, … where its parameters are. Their values are left out: they are people's data. */
  readonly text: string;
  /** From when it was to be run until its answer was here, the wait for a connection included. */
  readonly milliseconds: number;
  /** How many rows it returned; `undefined` where it failed. */
  readonly count: number | undefined;
  /** What the driver threw, where it failed. */
  readonly error?: unknown;
}

/** What is called for each statement. */
interface StatementWatchers extends SessionOptions {
  readonly onFailure?: ((error: unknown) => void) | undefined;
}

/** Runs a statement, and reports it. */
function watched(
  text: string,
  { onStatement, onFailure }: StatementWatchers,
  execute: () => Promise<SqlResult>,
): Promise<SqlResult> {
  const result = onStatement === undefined ? execute() : reported(text, onStatement, execute);
  // Beside the caller's chain, which has nothing to wait for.
  if (onFailure !== undefined) result.catch(onFailure);
  return result;
}

async function reported(
  text: string,
  onStatement: NonNullable<SessionOptions["onStatement"]>,
  execute: () => Promise<SqlResult>,
): Promise<SqlResult> {
  const begun = performance.now();
  const tell = (outcome: Pick<StatementReport, "count" | "error">) => {
    try {
      onStatement({ text, milliseconds: performance.now() - begun, ...outcome });
    } catch {
      // A statement does not fail for those who look on.
    }
  };
  try {
    const result = await execute();
    tell({ count: result.rows.length });
    return result;
  } catch (error) {
    tell({ count: undefined, error });
    throw error;
  }
}

/** Single statements on a driver. One that ended in a serialization failure or deadlock left nothing behind, and is retried. */
export class SingleStatements implements SqlExecutor {
  readonly #driver: SqlDriver;
  readonly #retries: RetryPolicy;
  readonly #options: StatementWatchers;

  constructor(driver: SqlDriver, options: StatementWatchers, telemetry: DatabaseTelemetry | undefined) {
    const onRetry = (retry: Retry) => {
      telemetry?.retried("statement", retry);
      options.onRetry?.(retry);
    };
    this.#driver = driver;
    this.#options = options;
    // In a joined transaction nothing can be retried: all of it was aborted.
    const never = driver.isTransaction && { retries: 0 };
    this.#retries = { ...SINGLE_CALL_RETRIES, ...never, isRetryable: isRetryableError, onRetry };
  }

  execute(text: string, parameters: readonly SqlParameter[], options: StatementOptions = {}): Promise<SqlResult> {
    const misuse = outerSessionMisuse(this.#driver);
    if (misuse !== undefined) return Promise.reject(misuse);
    return withDeadline(options, (bounded) =>
      withRetries(
        this.#retries,
        () => watched(text, this.#options, () => this.#driver.execute(text, parameters, bounded)),
        bounded.signal,
      ),
    );
  }
}

/** Statements that telemetry follows, each from its call to its end. */
export class FollowedStatements implements SqlExecutor {
  readonly #statements: SqlExecutor;
  readonly #telemetry: DatabaseTelemetry;

  constructor(statements: SqlExecutor, telemetry: DatabaseTelemetry) {
    this.#statements = statements;
    this.#telemetry = telemetry;
  }

  execute(text: string, parameters: readonly SqlParameter[], options?: StatementOptions): Promise<SqlResult> {
    return this.#telemetry.statement(text, () => this.#statements.execute(text, parameters, options));
  }
}

/** Statements of a transaction. */
export class TransactionStatements implements SqlExecutor {
  readonly #transaction: SqlTransaction;
  readonly #context: TransactionContext;
  readonly #options: StatementWatchers;

  constructor(transaction: SqlTransaction, context: TransactionContext, options: StatementWatchers) {
    this.#transaction = transaction;
    this.#context = context;
    this.#options = options;
  }

  execute(text: string, parameters: readonly SqlParameter[], options: StatementOptions = {}): Promise<SqlResult> {
    const misuse = foreignTransactionMisuse(this.#context);
    if (misuse !== undefined) return Promise.reject(misuse);
    const result = withDeadline(options, (bounded) =>
      watched(text, this.#options, () => this.#transaction.execute(text, parameters, bounded)),
    );
    if (!this.#context.isReadOnly) return result;
    return result.catch((error: unknown) => {
      throw readOnlyMisuse(error);
    });
  }
}
