/**
 * The instrumentation of the library: none, the API without an SDK, or an SDK; `before` is another build of the library.
 */
export type TelemetrySetup = "before" | "absent" | "no sdk" | "sdk";

/** The call under measurement. */
export type TelemetryCall = "getTask" | "unit of work";
