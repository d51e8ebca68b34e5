/**
 * Spans and metrics of an app's requests and a client's calls for OpenTelemetry. Needs `@opentelemetry/api`.
 *
 * @module @flux/dao-http/opentelemetry
 */
export { appTelemetry, clientTelemetry } from "./http-telemetry.ts";
