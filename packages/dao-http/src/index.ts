/**
 * The REST API, to be mounted in any web-standard host.
 *
 * @module @flux/dao-http
 */

export { createDaoApp, type DaoApp, type DaoAppOptions } from "./app/app.ts";
export type { ServiceKey } from "./app/auth.ts";
export type { ReadinessCheck } from "./app/health.ts";
export { createLogger, LOG_LEVELS, type Logger, type LogLevel } from "./app/log.ts";
export type { HttpRequest, HttpResponse, StreamedResponse, WholeResponse } from "./http/http-message.ts";
export { PROBLEM_CODES, type Problem, type ProblemCode } from "./http/problem.ts";
export { toNodeListener } from "./node/listener.ts";
export { openApiDocument } from "./openapi/openapi-document.ts";
