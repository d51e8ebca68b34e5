/**
 * The REST API, to be mounted in any web-standard host.
 *
 * @module @flux/dao-http
 */

export type { ServiceKey } from "./app/development-keys.ts";
export { createDaoApp, type DaoApp, type DaoAppOptions } from "./app.ts";
export type { AppTelemetry, RequestProgress } from "./app-telemetry.ts";
export type { ReadinessCheck } from "./health.ts";
export { PROBLEM_CODES, type ProblemCode } from "./http-error.ts";
export type { BodyReading, HttpRequest, HttpResponse, StreamedResponse, WholeResponse } from "./http-message.ts";
export { createLogger, type Logger } from "./log.ts";
export { LOG_LEVELS, type LogLevel } from "./log-level.ts";
export { toNodeListener } from "./node-listener.ts";
export { openApiDocument } from "./openapi/openapi-document.ts";
export type { Problem } from "./problem.ts";
