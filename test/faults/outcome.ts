import { isDaoError, TransactionLostError } from "@flux/dao-core";

/** What a caller knows after its call: it was written, it was not, or either is possible. */
export type Outcome = "acknowledged" | "refused" | "unknown";

/** A single statement may have been executed before its connection was lost; a transaction reports whether it was. */
export type Unit = "statement" | "transaction";

/**
 * The outcome by the error of a call; `undefined` for an error that is not the library's, or not caused by a fault.
 *
 * A single statement whose connection was lost may have been executed. It was not if the connection was never made, if
 * the server reported that it aborted it, or if it never left the queue.
 */
export function outcomeOf(error: unknown, unit: Unit): Outcome | undefined {
  if (!isDaoError(error)) return undefined;
  if (error instanceof TransactionLostError) return error.outcome === "unknown" ? "unknown" : "refused";
  if (error.code === "retryable") return "refused";
  if (error.code !== "unavailable") return undefined;
  if (unit === "transaction") return "refused";
  const code = codeOf(error);
  return code === undefined || notDone.has(code) ? "refused" : "unknown";
}

const notDone: ReadonlySet<string> = new Set([
  "57014", // statement time-out
  "55P03", // lock time-out
  "57P03", // starting up or stopping
  "53300", // too many connections
  "25006", // read-only server
  "ECONNREFUSED",
  "CONNECT_TIMEOUT",
  "ETIMEDOUT",
  "LOGIN_CLOSED",
  "NO_SERVER",
]);

/** Whether the error reports a read-only server. */
export function isReadOnlyServer(error: unknown): boolean {
  return isDaoError(error) && error.code === "unavailable" && codeOf(error) === "25006";
}

/** The code of the driver's error, which is the cause of the library's. */
function codeOf(error: unknown): string | undefined {
  for (let at = error; at instanceof Error; at = at.cause) {
    if (!isDaoError(at) && "code" in at) return String(at.code);
  }
  return undefined;
}
