/** How the library is followed: by nothing, by the API without an SDK, or by an SDK; and the library as it was before. */
export type Way = "before" | "absent" | "no sdk" | "sdk";

/** What is called. */
export type TelemetryCall = "getTask" | "unit of work";
