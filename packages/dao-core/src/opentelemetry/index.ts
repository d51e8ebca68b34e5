/**
 * OpenTelemetry spans and metrics for databases. Requires `@opentelemetry/api`.
 *
 * @module @flux/dao-core/opentelemetry
 */
export { type DatabaseTelemetryOptions, databaseTelemetry } from "./database-telemetry.ts";
export {
  errorType,
  OperationRecorder,
  quietly,
  type RecordedOutcome,
  type Recording,
} from "./operation-recorder.ts";
