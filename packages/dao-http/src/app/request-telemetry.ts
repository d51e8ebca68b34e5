import type { HttpRequest, HttpResponse } from "../http/http-message.ts";

/** What becomes known of a request while it is handled. */
export interface RequestProgress {
  /** The path's template, once a route is found: `/api/v1/tasks/{task_id}`. */
  route?: string | undefined;
  /** The name of the caller's key, once it is known. */
  caller?: string | undefined;
  /** What was thrown, if the response is a problem. */
  cause?: unknown;
  /** The trace for the request's log line, named as in OpenTelemetry; set by telemetry beforehand. */
  readonly trace?: { readonly trace_id: string; readonly span_id: string } | undefined;
}

/**
 * Records spans and metrics of an app's requests: `appTelemetry()` of `@flux/dao-http/opentelemetry`, or an application's own.
 * Without one, nothing is called.
 */
export interface AppTelemetry {
  /** Handles a request by `handle`, which it calls once and which never rejects. Never throws. */
  request(request: HttpRequest, handle: (progress: RequestProgress) => Promise<HttpResponse>): Promise<HttpResponse>;
}
