import type { IncomingMessage } from "node:http";
import { type Logger, logRequest } from "../app/log.ts";
import { requestIdOf } from "../app/request-id.ts";
import type { WholeResponse } from "../http/http-message.ts";
import { problemResponse } from "../http/problem.ts";

/** As much as is known of a request that is no whole one, or not for the app. */
interface RefusedRequest {
  readonly method?: string | undefined;
  /** Its `X-Request-Id`. */
  readonly requestId?: string | undefined;
}

/**
 * The answer to a request that is refused past the app, with its line in the log; without a `logger` where the app has a
 * line for it already.
 */
export function refuse(error: unknown, { method, requestId }: RefusedRequest, logger?: Logger): WholeResponse {
  const id = requestIdOf(requestId);
  const response = problemResponse(error, { path: "/", requestId: id });
  response.headers["x-request-id"] = id;
  const { status } = response;
  if (logger === undefined) return response;
  logRequest(logger, { method: method ?? null, path: null, status, ms: 0, request_id: id, caller: null }, error);
  return response;
}

/** What a request's head says of it. */
export function requestOf({ method, headers }: IncomingMessage): RefusedRequest {
  return { method, requestId: headers["x-request-id"]?.toString() };
}
