import type { HttpResponse } from "./http-message.ts";
import { type Logger, logRequest } from "./log.ts";
import { problemResponse } from "./problem.ts";
import { requestIdOf } from "./request-id.ts";

/** As much as is known of a request that no app ever saw. */
export interface RefusedRequest {
  readonly method?: string | undefined;
  /** Its `X-Request-Id`. */
  readonly requestId?: string | undefined;
}

/** The answer to a request that is refused before any app sees it, with its line in the log. */
export function refuse(error: unknown, { method, requestId }: RefusedRequest, logger: Logger): HttpResponse {
  const id = requestIdOf(requestId);
  const response = problemResponse(error, { path: "/", requestId: id });
  response.headers["x-request-id"] = id;
  const { status } = response;
  logRequest(logger, { method: method ?? null, path: null, status, ms: 0, request_id: id, caller: null }, error);
  return response;
}
