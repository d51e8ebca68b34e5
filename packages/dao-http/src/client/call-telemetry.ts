/** A call as telemetry sees it: without the values that it sends. */
export interface TracedCall {
  readonly method: string;
  readonly baseUrl: string;
  /** The path's template: `/api/v1/tasks/{task_id}`. */
  readonly path: string;
  /** From 1; each attempt has a span of its own. */
  readonly attempt: number;
}

/** A call in progress. Never throws. */
export interface CallSpan {
  /** Sent with the call, so that the service can continue the trace. */
  readonly headers: Readonly<Record<string, string>>;
  /** Runs `send` within the span. */
  run<Result>(send: () => Result): Result;
  /** Called once, when the response was read, the call failed, or the caller abandoned it. */
  ended(outcome: CallOutcome): void;
}

export interface CallOutcome {
  /** 0 for no response. */
  readonly status: number;
  /** Why it failed; `undefined` if it did not. */
  readonly error: unknown;
  /** Whether it timed out. */
  readonly isLate: boolean;
}

/**
 * Records spans and metrics of a client's calls: `clientTelemetry()` of `@flux/dao-http/opentelemetry`, or an application's own.
 * Without one, nothing is called.
 */
export interface ClientTelemetry {
  begin(call: TracedCall): CallSpan;
}
