import type { DatabaseAddress } from "../connection-string/database-url.ts";

/**
 * Makes spans and metrics of what databases, apps and clients do: `databaseTelemetry()` of `@flux/dao-core/opentelemetry`,
 * `appTelemetry()` and `clientTelemetry()` of `@flux/dao-http/opentelemetry`, or an application's own. It must not throw.
 */
export interface Telemetry {
  /** Called once for each database, app and client that uses it. */
  instrument(source: TelemetrySource): Instrumentation;
}

/** What is instrumented. An app and a client have no properties: their operations say where they come from. */
export interface TelemetrySource {
  /** The server; of several the one found last: another object when that changes. `undefined` for an application's. */
  readonly address?: DatabaseAddress | undefined;
  /** A database's connection pool; `undefined` if it has none of its own. */
  readonly pool?: InstrumentedPool | undefined;
}

/** That of one database, app or client. */
export interface Instrumentation {
  /** Called when an operation begins. `undefined` if this one is not instrumented. */
  start(operation: InstrumentedOperation): StartedOperation | undefined;
  /** Notified before a retry after a serialization failure or deadlock. */
  retried?(kind: "statement" | "unit of work", error: unknown): void;
}

/**
 * A statement lasts from the wait for a connection to the result, retries included; an attempt of a unit of work from there to the
 * commit (a nested one is a savepoint); a request, and each attempt of a call, to the end of its response.
 */
export type InstrumentedOperation =
  | { readonly kind: "statement"; readonly text: string; readonly schema: string }
  | { readonly kind: "unit of work"; readonly isNested: boolean; readonly schema: string }
  | { readonly kind: "request"; readonly request: InstrumentedRequest }
  | ({ readonly kind: "call" } & InstrumentedCall);

/** A request that an app receives. */
export interface InstrumentedRequest {
  /** In capitals, as in the request line. */
  readonly method: string;
  /** Path and query as received, not decoded: `/api/v1/tasks/?page=2`. */
  readonly target: string;
  /** `http` or `https`, as the host received it. Default `http`. */
  readonly scheme?: string | undefined;
  /** Of HTTP, such as `1.1`, if the host knows it. */
  readonly protocolVersion?: string | undefined;
  /** The header of this lower-case name; several are joined by `, `. */
  header(name: string): string | undefined;
}

/** A call that a client sends, without its values. */
export interface InstrumentedCall {
  readonly method: string;
  readonly baseUrl: string;
  /** The path's template: `/api/v1/tasks/{task_id}`. */
  readonly path: string;
  /** From 1. */
  readonly attempt: number;
}

/** An operation in progress. */
export interface StartedOperation {
  /** Runs a part of the operation: what it starts belongs to the operation. Calls `work` once, synchronously. */
  run<Result>(work: () => Result): Result;
  /** Called once. */
  end(outcome: OperationOutcome): void;
  /** Sent with a call, so that the service can continue the trace. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** The trace for a request's log line, named as in OpenTelemetry. */
  readonly trace?: { readonly trace_id: string; readonly span_id: string } | undefined;
}

/** How an operation ended. */
export interface OperationOutcome {
  /** Why it failed; absent if it did not. A rejected request is its caller's failure. */
  readonly failure?: { readonly error: unknown } | undefined;
  /** The number of rows that a statement returned. */
  readonly rows?: number | undefined;
  /** The status of a response; absent if there was none. */
  readonly status?: number | undefined;
  /** The template of a request's path; absent if there is no such path. */
  readonly route?: string | undefined;
  /** The name of a request's key, and the schema that it is bound to. */
  readonly caller?: string | undefined;
  readonly schema?: string | undefined;
}

/** A connection pool, as metrics show it. */
export interface InstrumentedPool {
  readonly usage: PoolUsage;
  /** Notifies `observer` from now on, in place of the previous one. */
  observe(observer: PoolObserver): void;
}

/** The use of a connection pool at one moment. */
export interface PoolUsage {
  /** Maximum number of open connections. */
  readonly size: number;
  /** Open connections on which a statement runs, or which a transaction holds. */
  readonly used: number;
  /** The other open ones. */
  readonly idle: number;
  /** Callers that wait for a connection. */
  readonly waiting: number;
}

/** Is notified of what happens to a pool. */
export interface PoolObserver {
  /** A caller got a connection after this many milliseconds; 0 if one was free. */
  acquired(milliseconds: number): void;
  /** No connection was free in time. */
  timedOut(): void;
  /** The pool was closed. */
  closed(): void;
}
