import { isDaoError } from "@flux/dao-core/errors";
import type { PublicResponse, WholeResponse } from "../http/http-message.ts";
import { READINESS_TIMEOUT } from "../wire/limits.ts";

/** Resolves if the service is ready; rejects with the reason if it is not. */
export type ReadinessCheck = (options: { readonly signal: AbortSignal }) => Promise<void>;

/** Handles `/ready`: whether requests should be sent here. */
export function respondReady(check: ReadinessCheck): (isStopping: boolean) => Promise<PublicResponse> {
  let running: Promise<string | undefined> | undefined;
  return async (isStopping) => {
    // Planned, so no warning.
    if (isStopping) return jsonResponse(503, { status: "not_ready", detail: "The service is stopping." });
    // Concurrent requests share one check.
    running ??= findReason(check).finally(() => {
      running = undefined;
    });
    const reason = await running;
    if (reason === undefined) return jsonResponse(200, { status: "ready" });
    return { ...jsonResponse(503, { status: "not_ready", detail: reason }), warning: reason };
  };
}

async function findReason(check: ReadinessCheck): Promise<string | undefined> {
  const signal = AbortSignal.timeout(READINESS_TIMEOUT);
  const late = new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
  try {
    await Promise.race([check({ signal }), late]);
    return undefined;
  } catch (error) {
    if (signal.aborted) return "The database did not respond in time.";
    return isDaoError(error) ? error.message : "The database cannot be queried.";
  }
}

/** Handles `/health`: the process runs, whatever the database does. */
export function respondHealthy(): WholeResponse {
  return jsonResponse(200, { status: "ok" });
}

function jsonResponse(status: number, body: Readonly<Record<string, string>>): WholeResponse {
  const headers = { "content-type": "application/json", "cache-control": "no-store" };
  return { status, headers, body: JSON.stringify(body) };
}
