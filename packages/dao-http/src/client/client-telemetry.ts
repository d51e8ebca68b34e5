/** A call as it may be told: without the values that it sends. */
export interface FollowedCall {
  readonly method: string;
  readonly baseUrl: string;
  /** The path's template: `/api/v1/tasks/{task_id}`. */
  readonly path: string;
  /** From 1; each is sent for itself. */
  readonly attempt: number;
}

/** A call that is on its way. It throws nothing itself. */
export interface CallSpan {
  /** What is sent with it, so that the service can tell whose call it is. */
  readonly headers: Readonly<Record<string, string>>;
  /** Runs what sends it. */
  run<Result>(send: () => Result): Result;
  /** Called once, when its answer has been read, it has failed, or the caller wants no more of it. */
  ended(outcome: CallOutcome): void;
}

export interface CallOutcome {
  /** 0 where nothing was answered. */
  readonly status: number;
  /** What broke it off; `undefined` where nothing did. */
  readonly error: unknown;
  /** Whether its time was over. */
  readonly isLate: boolean;
}

/**
 * Whoever makes spans and metrics of a client's calls: `clientTelemetry()` of `@flux/dao-http/opentelemetry`, or one of a
 * host's own. Where none is given nothing is called.
 */
export interface ClientTelemetry {
  begin(call: FollowedCall): CallSpan;
}
