import type { DatabaseAddress } from "../connection-string/database-url.ts";
import type { ObservedPool } from "./observed-pool.ts";
import type { Retry } from "./retry.ts";

/**
 * Makes spans and metrics of what databases do: `databaseTelemetry()` of `@flux/dao-core/opentelemetry`, or one
 * of a host's own. The data layer knows of no tracer, and where none is given nothing is called.
 */
export interface Telemetry {
  /** Called once for each database that is opened or joined with it. */
  observe(database: ObservedDatabase): DatabaseTelemetry;
}

/** What telemetry may know of a database. */
export interface ObservedDatabase {
  /** Where its server is; `undefined` where that is not known, as of a host's own connections. */
  readonly address?: DatabaseAddress | undefined;
  /** The pool of its connections; `undefined` where it has none of its own. */
  readonly pool?: ObservedPool | undefined;
}

/** Follows one database. What it is given to run it runs once, at once, and ends as that does; it throws nothing itself. */
export interface DatabaseTelemetry {
  /** Runs a statement: from the wait for a connection to the answer, with its retries. */
  statement<Result extends StatementAnswer>(text: string, run: () => Promise<Result>): Promise<Result>;
  /** Runs one attempt at a unit of work: from the wait for a connection to the commit. A nested one is a savepoint. */
  unitOfWork<Result>(isNested: boolean, run: () => Promise<Result>): Promise<Result>;
  /** What the database gave up is tried again. */
  retried(what: "statement" | "unit of work", retry: Retry): void;
  /** The database is closed. */
  closed(): void;
}

/** What telemetry may know of a statement's result. */
export interface StatementAnswer {
  readonly rows: { readonly length: number };
}
