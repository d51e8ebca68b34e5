import type { CallOptions } from "../contract/call-options.ts";
import type { UnitOfWorkMisuseError } from "../contract/errors.ts";
import type { SchemaName } from "../schema/schema-name.ts";
import {
  poolOf,
  type SchemaExecutor,
  type SqlDriver,
  type SqlExecutor,
  type SqlResult,
  type SqlTransaction,
} from "./driver.ts";
import type { Instrumentation, InstrumentedOperation, OperationOutcome } from "./instrumentation.ts";
import { FIRST_RETRY_DELAY, LONGEST_RETRY_DELAY } from "./limits.ts";
import { isRetryableError } from "./postgres-errors.ts";
import type { Replication } from "./replication.ts";
import {
  foreignTransactionMisuse,
  misuse,
  outerSessionMisuse,
  readOnlyMisuse,
  type TransactionContext,
} from "./transaction/transaction-context.ts";
import { onAbort, throwIfAborted, untilAborted, withDeadline } from "./waiting/deadline.ts";

/** A completed statement. */
export interface StatementReport {
  /** As sent, with `$1`, `$2`, … in place of the values, which are user data. */
  readonly text: string;
  /** From the call to the result, including the wait for a connection. */
  readonly milliseconds: number;
  /** The schema of the session. */
  readonly schema: string;
  /** The number of rows returned; `undefined` if it failed. */
  readonly count: number | undefined;
  /** What the driver threw, if it failed. */
  readonly error?: unknown;
}

/** An upcoming retry. */
export interface Retry {
  /** The number of the failed attempt, from 1. */
  readonly attempt: number;
  /** Milliseconds until the next. */
  readonly delay: number;
  /** Why it failed. */
  readonly error: unknown;
}

/** What a session's statements notify. */
export interface StatementHooks {
  readonly schema: SchemaName;
  readonly telemetry?: Instrumentation | undefined;
  readonly onRetry?: ((retry: Retry) => void) | undefined;
  readonly onStatement?: ((statement: StatementReport) => void) | undefined;
  /** For reads that must cover a position. */
  readonly replication: Replication;
  /** Whether writes are refused. */
  readonly isReadOnly: boolean;
  /** Called with the error of each failed statement. */
  readonly onFailure?: ((error: unknown) => void) | undefined;
}

type Execute = SqlExecutor["execute"];

/** A step of the pipeline, which wraps the next; `undefined` if it is not needed. */
type Step = ((next: Execute) => Execute) | undefined;

/** Single statements on a driver. One that ends in a serialization failure or deadlock wrote nothing, and is retried. */
export function driverExecutor(driver: SqlDriver, hooks: StatementHooks): SchemaExecutor {
  const pool = poolOf(driver);
  const check = refused(() => outerSessionMisuse(pool));
  // In a joined transaction nothing can be retried: all of it was aborted.
  const retry = driver.isTransaction ? undefined : retried(hooks);
  const share = driver.isTransaction ? undefined : shared;
  return pipeline(
    hooks.schema,
    [traced(hooks), check, readsOnly(hooks), bounded, share, positioned(hooks), retry, reported(hooks)],
    (text, parameters, options) => driver.execute(text, parameters, options),
  );
}

/** The statements of a transaction. */
export function transactionExecutor(
  transaction: SqlTransaction,
  context: TransactionContext,
  hooks: StatementHooks,
): SchemaExecutor {
  const check = refused(() => foreignTransactionMisuse(context));
  const readOnly = context.isReadOnly ? refusingWrites : undefined;
  return pipeline(
    hooks.schema,
    [traced(hooks), readOnly, check, readsOnly(hooks), unpositioned, bounded, reported(hooks)],
    (text, parameters, options) => transaction.execute(text, parameters, options),
  );
}

function pipeline(schema: SchemaName, steps: readonly Step[], last: Execute): SchemaExecutor {
  return {
    schema,
    execute: steps.reduceRight<Execute>((next, step) => (step === undefined ? next : step(next)), last),
  };
}

/** Rejects a statement if there is a `misuse`. */
function refused(misuse: () => UnitOfWorkMisuseError | undefined): Step {
  return (next) => (text, parameters, options) => {
    const error = misuse();
    return error === undefined ? next(text, parameters, options) : Promise.reject(error);
  };
}

function readsOnly({ isReadOnly }: StatementHooks): Step {
  if (!isReadOnly) return undefined;
  return (next) => (text, parameters, options) =>
    (options?.kind ?? "write") === "write"
      ? Promise.reject(misuse("databaseIsReadOnly"))
      : next(text, parameters, options);
}

/**
 * One run of a count serves all callers that asked before it began; those that ask while it runs share the next. A caller that
 * names a position has a run of its own.
 */
const shared: Step = (next) => {
  const running = new Map<string, Promise<void>>();
  const upcoming = new Map<string, SharedRun>();
  return (text, parameters, options) => {
    if (options?.kind !== "count" || options.readAfter !== undefined) return next(text, parameters, options);
    if (options.signal?.aborted === true) return Promise.reject(options.signal.reason);
    const key = JSON.stringify([text, parameters]);
    let run = upcoming.get(key);
    if (run === undefined || run.isAbandoned) {
      const own = new SharedRun(async (signal, departure) => {
        try {
          await untilAborted(untilAborted(Promise.resolve(running.get(key)), departure), signal);
        } finally {
          if (upcoming.get(key) === own) upcoming.delete(key);
        }
        const result = next(text, parameters, { kind: "count", signal, requester: { signal: departure } });
        const settled = () => void running.delete(key);
        running.set(key, result.then(settled, settled));
        return result;
      });
      upcoming.set(key, own);
      run = own;
    }
    return run.result(options);
  };
};

/**
 * A statement that several callers wait for. It is cancelled when none of them waits any longer, and leaves the pool's queue when
 * the requesters of all have disconnected.
 */
class SharedRun {
  readonly #abandoned = new AbortController();
  readonly #departed = new AbortController();
  readonly #result: Promise<SqlResult>;
  #waiting = 0;
  /** Of those that wait, the ones whose requester has not disconnected. */
  #present = 0;

  constructor(begin: (abandoned: AbortSignal, departed: AbortSignal) => Promise<SqlResult>) {
    this.#result = begin(this.#abandoned.signal, this.#departed.signal);
  }

  get isAbandoned(): boolean {
    return this.#abandoned.signal.aborted || this.#departed.signal.aborted;
  }

  async result({ signal, requester }: CallOptions): Promise<SqlResult> {
    const departure = requester?.signal;
    this.#waiting++;
    this.#present++;
    let isPresent = true;
    const leave = () => {
      if (isPresent) this.#present--;
      isPresent = false;
      if (this.#present === 0) this.#departed.abort(departure?.reason);
    };
    const stopListening = departure && onAbort(departure, leave);
    if (departure?.aborted === true) leave();
    try {
      return await untilAborted(this.#result, signal);
    } catch (error) {
      if (this.#waiting === 1) {
        this.#abandoned.abort();
        // Until it is cancelled: a late cancel request would hit what is sent next.
        await this.#result.catch(() => undefined);
      }
      throw error;
    } finally {
      this.#waiting--;
      stopListening?.();
      leave();
    }
  }
}

/** Waits until the server has reached the position that the call requires. */
function positioned({ replication }: StatementHooks): Step {
  return (next) => (text, parameters, options) =>
    options?.readAfter === undefined
      ? next(text, parameters, options)
      : replication.covering(options.readAfter, options, async (check) => {
          const result = await next(text, parameters, options);
          check();
          return result;
        });
}

const unpositioned: Step = (next) => (text, parameters, options) =>
  options?.readAfter === undefined ? next(text, parameters, options) : Promise.reject(misuse("waitsTooLate"));

const bounded: Step = (next) => (text, parameters, options) =>
  options?.timeout === undefined && options?.signal === undefined
    ? next(text, parameters, options)
    : withDeadline(options, (within) => next(text, parameters, within));

const refusingWrites: Step = (next) => (text, parameters, options) =>
  next(text, parameters, options).catch((error: unknown) => {
    throw readOnlyMisuse(error);
  });

function retried({ telemetry, onRetry }: StatementHooks): Step {
  const policy = {
    retries: 9,
    within: 30_000,
    isRetryable: isRetryableError,
    onRetry: (retry: Retry) => {
      telemetry?.retried?.("statement", retry.error);
      onRetry?.(retry);
    },
  };
  return (next) => (text, parameters, options) =>
    withRetries(policy, () => next(text, parameters, options), options?.signal);
}

function traced({ telemetry, schema: { name: schema } }: StatementHooks): Step {
  if (telemetry === undefined) return undefined;
  return (next) => (text, parameters, options) =>
    instrumented(
      telemetry,
      { kind: "statement", text, schema },
      () => next(text, parameters, options),
      ({ rows }) => ({ rows: rows.length }),
    );
}

/** Runs `work` as an operation. */
export async function instrumented<Result>(
  instrumentation: Instrumentation,
  operation: InstrumentedOperation,
  work: () => Promise<Result>,
  outcomeOf: (result: Result) => OperationOutcome = () => ({}),
): Promise<Result> {
  const started = instrumentation.start(operation);
  if (started === undefined) return work();
  let result: Result;
  try {
    result = await started.run(work);
  } catch (error) {
    started.end({ failure: { error } });
    throw error;
  }
  started.end(outcomeOf(result));
  return result;
}

function reported({ onStatement, onFailure, schema }: StatementHooks): Step {
  if (onFailure === undefined && onStatement === undefined) return undefined;
  const measured = onStatement === undefined ? undefined : reporter(onStatement, schema.name);
  return (next) => (text, parameters, options) => {
    const report = measured?.(text);
    const result = next(text, parameters, options);
    // Not part of the caller's promise chain, which does not wait for it.
    result.then(report && (({ rows }) => report({ count: rows.length })), (error: unknown) => {
      report?.({ count: undefined, error });
      onFailure?.(error);
    });
    return result;
  };
}

function reporter(onStatement: NonNullable<StatementHooks["onStatement"]>, schema: string) {
  return (text: string) => {
    const begun = performance.now();
    return (outcome: Pick<StatementReport, "count" | "error">) => {
      try {
        onStatement({ text, schema, milliseconds: performance.now() - begun, ...outcome });
      } catch {
        // An observer's error must not fail the statement.
      }
    };
  };
}

/** How often and when work is retried. */
export interface RetryPolicy {
  /** Attempts beyond the first. */
  readonly retries: number;
  /** Milliseconds after the first attempt began, beyond which nothing is retried. Default: no limit. */
  readonly within?: number;
  readonly isRetryable: (error: unknown) => boolean;
  /** Called before each wait; an error thrown here ends the attempts. */
  readonly onRetry?: ((retry: Retry) => void) | undefined;
}

/** Runs `work` until it succeeds, fails otherwise, or has no retries left. @throws what it throws; the reason of an abort */
export async function withRetries<Result>(
  policy: RetryPolicy,
  work: () => Promise<Result>,
  signal?: AbortSignal,
): Promise<Result> {
  const { retries, within = Number.POSITIVE_INFINITY, isRetryable, onRetry } = policy;
  const begun = performance.now();
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (attempt > retries || !isRetryable(error) || performance.now() - begun > within) throw error;
      // Full jitter, so that callers that collided do not collide again.
      const delay = Math.random() * Math.min(LONGEST_RETRY_DELAY, FIRST_RETRY_DELAY * 2 ** (attempt - 1));
      onRetry?.({ attempt, delay, error });
      await untilAborted(new Promise((resolve) => setTimeout(resolve, delay)), signal);
      throwIfAborted(signal);
    }
  }
}
