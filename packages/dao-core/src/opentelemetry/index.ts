export { type DatabaseTelemetryOptions, databaseTelemetry } from "./database-telemetry.ts";
