/**
 * Spans and metrics of databases for OpenTelemetry. Needs `@opentelemetry/api`.
 *
 * @module @flux/dao-core/opentelemetry
 */
export { type DatabaseTelemetryOptions, databaseTelemetry } from "./database-telemetry.ts";
