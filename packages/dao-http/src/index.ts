export { createDaoApp, type DaoApp, type DaoAppOptions } from "./app.ts";
export type { ServiceKey } from "./auth.ts";
export type { ReadinessCheck } from "./health.ts";
export { PROBLEM_CODES, type ProblemCode } from "./http-error.ts";
export type { HttpRequest, HttpResponse } from "./http-message.ts";
export { createLogger, LOG_LEVELS, type Logger, type LogLevel } from "./log.ts";
export { toNodeListener } from "./node-listener.ts";
export { openApiDocument } from "./openapi/openapi-document.ts";
export type { Problem } from "./problem.ts";
