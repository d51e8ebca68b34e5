export { appTelemetry } from "./app-telemetry.ts";
export { clientTelemetry } from "./client-telemetry.ts";
