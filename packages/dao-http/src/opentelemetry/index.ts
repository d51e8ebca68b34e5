/**
 * Spans and metrics of an app's requests and a client's calls for OpenTelemetry. Needs `@opentelemetry/api`.
 *
 * @module @flux/dao-http/opentelemetry
 */
export { appTelemetry } from "./app-telemetry.ts";
export { clientTelemetry } from "./client-telemetry.ts";
