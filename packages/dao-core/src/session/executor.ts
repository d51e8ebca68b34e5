import type { UnitOfWorkMisuseError } from "../contract/errors.ts";
import type { SqlDriver, SqlExecutor, SqlTransaction } from "./driver.ts";
import { type Instrumentation, instrumented } from "./instrumentation.ts";
import { isRetryableError } from "./postgres-errors.ts";
import { type Retry, SINGLE_CALL_RETRIES, withRetries } from "./retry.ts";
import {
  foreignTransactionMisuse,
  outerSessionMisuse,
  type TransactionContext,
} from "./transaction/transaction-context.ts";
import { readOnlyMisuse } from "./transaction/transaction-misuse.ts";
import { withDeadline } from "./waiting/deadline.ts";

/** A completed statement. */
export interface StatementReport {
  /** As it was sent, with `$1`, `$2`, … for its parameters, whose values are left out: they are user data. */
  readonly text: string;
  /** From the call to the result, the wait for a connection included. */
  readonly milliseconds: number;
  /** The number of rows returned; `undefined` if it failed. */
  readonly count: number | undefined;
  /** What the driver threw, if it failed. */
  readonly error?: unknown;
}

/** What a session's statements notify. */
export interface StatementHooks {
  readonly telemetry?: Instrumentation | undefined;
  readonly onRetry?: ((retry: Retry) => void) | undefined;
  readonly onStatement?: ((statement: StatementReport) => void) | undefined;
  /** Called with the error of each failed statement. */
  readonly onFailure?: ((error: unknown) => void) | undefined;
}

type Execute = SqlExecutor["execute"];

/** A step of the pipeline, around the next; `undefined` adds nothing. */
type Step = ((next: Execute) => Execute) | undefined;

/** Single statements on a driver. One that ends in a serialization failure or deadlock wrote nothing, and is retried. */
export function driverExecutor(driver: SqlDriver, hooks: StatementHooks): SqlExecutor {
  const check = refused(() => outerSessionMisuse(driver));
  // In a joined transaction nothing can be retried: all of it was aborted.
  const retry = driver.isTransaction ? undefined : retried(hooks);
  return pipeline([traced(hooks), check, bounded, retry, reported(hooks)], (text, parameters, options) =>
    driver.execute(text, parameters, options),
  );
}

/** The statements of a transaction. */
export function transactionExecutor(
  transaction: SqlTransaction,
  context: TransactionContext,
  hooks: StatementHooks,
): SqlExecutor {
  const check = refused(() => foreignTransactionMisuse(context));
  const readOnly = context.isReadOnly ? refusingWrites : undefined;
  return pipeline([traced(hooks), readOnly, check, bounded, reported(hooks)], (text, parameters, options) =>
    transaction.execute(text, parameters, options),
  );
}

function pipeline(steps: readonly Step[], last: Execute): SqlExecutor {
  return { execute: steps.reduceRight<Execute>((next, step) => (step === undefined ? next : step(next)), last) };
}

/** Rejects a statement if there is a `misuse`. */
function refused(misuse: () => UnitOfWorkMisuseError | undefined): Step {
  return (next) => (text, parameters, options) => {
    const error = misuse();
    return error === undefined ? next(text, parameters, options) : Promise.reject(error);
  };
}

const bounded: Step =
  (next) =>
  (text, parameters, options = {}) =>
    withDeadline(options, (within) => next(text, parameters, within));

const refusingWrites: Step = (next) => (text, parameters, options) =>
  next(text, parameters, options).catch((error: unknown) => {
    throw readOnlyMisuse(error);
  });

function retried({ telemetry, onRetry }: StatementHooks): Step {
  const policy = {
    ...SINGLE_CALL_RETRIES,
    isRetryable: isRetryableError,
    onRetry: (retry: Retry) => {
      telemetry?.retried?.("statement", retry.error);
      onRetry?.(retry);
    },
  };
  return (next) => (text, parameters, options) =>
    withRetries(policy, () => next(text, parameters, options), options?.signal);
}

function traced({ telemetry }: StatementHooks): Step {
  if (telemetry === undefined) return undefined;
  return (next) => (text, parameters, options) =>
    instrumented(
      telemetry,
      { kind: "statement", text },
      () => next(text, parameters, options),
      ({ rows }) => ({ rows: rows.length }),
    );
}

function reported({ onStatement, onFailure }: StatementHooks): Step {
  if (onFailure === undefined && onStatement === undefined) return undefined;
  const measured = onStatement === undefined ? undefined : reporter(onStatement);
  return (next) => (text, parameters, options) => {
    const report = measured?.(text);
    const result = next(text, parameters, options);
    // Beside the caller's chain, which does not wait for it.
    result.then(report && (({ rows }) => report({ count: rows.length })), (error: unknown) => {
      report?.({ count: undefined, error });
      onFailure?.(error);
    });
    return result;
  };
}

function reporter(onStatement: NonNullable<StatementHooks["onStatement"]>) {
  return (text: string) => {
    const begun = performance.now();
    return (outcome: Pick<StatementReport, "count" | "error">) => {
      try {
        onStatement({ text, milliseconds: performance.now() - begun, ...outcome });
      } catch {
        // An observer's error is not the statement's.
      }
    };
  };
}
