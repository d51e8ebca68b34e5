import type { DatabaseAddress } from "../connection-string/database-url.ts";
import type { Retry } from "./retry.ts";

/**
 * Makes spans and metrics of what databases do: `databaseTelemetry()` of `@flux/dao-core/opentelemetry`, or an
 * application's own. Without it nothing is called.
 */
export interface Telemetry {
  /** Called once for each database that is opened or joined with it. */
  observe(database: ObservedDatabase): DatabaseTelemetry;
}

/** What telemetry knows of a database. */
export interface ObservedDatabase {
  /** Where its server is; `undefined` if unknown, as for an application's connections. */
  readonly address?: DatabaseAddress | undefined;
  /** Its connection pool; `undefined` if it has none of its own. */
  readonly pool?: ObservedPool | undefined;
}

/** Instruments one database. It calls `run` once and at once, settles as that does, and throws nothing itself. */
export interface DatabaseTelemetry {
  /** Runs a statement: from the wait for a connection to the result, with its retries. */
  statement<Result extends CountedRows>(text: string, run: () => Promise<Result>): Promise<Result>;
  /** Runs one attempt at a unit of work: from the wait for a connection to the commit. A nested one is a savepoint. */
  unitOfWork<Result>(isNested: boolean, run: () => Promise<Result>): Promise<Result>;
  /** Is notified of a retry after a serialization failure or deadlock. */
  retried(what: "statement" | "unit of work", retry: Retry): void;
  /** Is notified that the database is closed. */
  closed(): void;
}

/** What telemetry knows of a statement's result. */
export interface CountedRows {
  readonly rows: { readonly length: number };
}

/** A connection pool, as metrics show it. */
export interface ObservedPool {
  readonly usage: PoolUsage;
  /** Notifies `observer` of every call from now on, and the previous one no more. */
  observe(observer: PoolObserver): void;
}

/** The use of a connection pool at one moment. */
export interface PoolUsage {
  /** The most connections that may be open. */
  readonly size: number;
  /** Open connections on which a statement runs, or which a transaction holds. */
  readonly used: number;
  /** The other open ones. */
  readonly idle: number;
  /** Callers that wait for a connection. */
  readonly waiting: number;
}

/** Is notified of how long callers wait for a connection. Must not throw. */
export interface PoolObserver {
  /** A caller has a connection, after so many milliseconds: 0 if one was free. */
  acquired(milliseconds: number): void;
  /** No connection was free in time. */
  timedOut(): void;
}
