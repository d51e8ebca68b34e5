import type { HttpRequest, HttpResponse } from "../http/http-message.ts";

/** What becomes known of a request while it is answered. */
export interface RequestProgress {
  /** The path's template, once a route is found: `/api/v1/tasks/{task_id}`. */
  route?: string | undefined;
  /** The name of the caller's key, once it is known. */
  caller?: string | undefined;
  /** What was thrown, where the answer is a problem. */
  cause?: unknown;
  /** What the request's line in the log says of its trace, as OpenTelemetry names it; for telemetry to set beforehand. */
  readonly trace?: { readonly trace_id: string; readonly span_id: string } | undefined;
}

/**
 * Whoever makes spans and metrics of the requests of an app: `appTelemetry()` of `@flux/dao-http/opentelemetry`, or one of
 * a host's own. Where none is given nothing is called.
 */
export interface AppTelemetry {
  /** Answers a request by `answer`, which it calls once and which never rejects; it throws nothing itself. */
  request(request: HttpRequest, answer: (progress: RequestProgress) => Promise<HttpResponse>): Promise<HttpResponse>;
}
