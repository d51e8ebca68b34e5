import { isDaoError, TransactionLostError } from "@flux/dao-core";

/** What a caller may believe after its call: it is written, it is not, or both are possible. */
export type Outcome = "acknowledged" | "refused" | "unknown";

/** A single statement may have been executed before its connection went; a transaction says whether it was. */
export type Unit = "statement" | "transaction";

/**
 * What the error of a call says of its outcome; `undefined` for one that is not the library's, or not of a fault.
 *
 * A single statement whose connection was lost may have happened. It has not where its connection was never made, where
 * the server said that it gave it up, or where it never left the queue.
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
  "25006", // takes no writes
  "ECONNREFUSED",
  "CONNECT_TIMEOUT",
  "ETIMEDOUT",
  "LOGIN_CLOSED",
]);

/** Whether an error says that the server takes no writes. */
export function isReadOnlyServer(error: unknown): boolean {
  return isDaoError(error) && error.code === "unavailable" && codeOf(error) === "25006";
}

/** The code of the driver's error, which the library's has as its cause. */
function codeOf(error: unknown): string | undefined {
  for (let at = error; at instanceof Error; at = at.cause) {
    if (!isDaoError(at) && "code" in at) return String(at.code);
  }
  return undefined;
}
