import { isDaoError } from "@flux/dao-core/errors";
import type { PublicResponse, WholeResponse } from "../http/http-message.ts";
import { READINESS_TIMEOUT } from "../wire/limits.ts";

/** Resolves if the service is ready; rejects with the reason if it is not. */
export type ReadinessCheck = (options: { readonly signal: AbortSignal }) => Promise<void>;

/** Handles `/ready`: whether requests should be sent here. */
export class Readiness {
  readonly #check: ReadinessCheck;
  #running: Promise<string | undefined> | undefined;

  constructor(check: ReadinessCheck) {
    this.#check = check;
  }

  async respond(isStopping: boolean): Promise<PublicResponse> {
    // Planned, so no warning.
    if (isStopping) return jsonResponse(503, { status: "not_ready", detail: "The service is stopping." });
    // Concurrent requests share one check.
    this.#running ??= this.#findReason().finally(() => {
      this.#running = undefined;
    });
    const reason = await this.#running;
    if (reason === undefined) return jsonResponse(200, { status: "ready" });
    return { ...jsonResponse(503, { status: "not_ready", detail: reason }), warning: reason };
  }

  async #findReason(): Promise<string | undefined> {
    const signal = AbortSignal.timeout(READINESS_TIMEOUT);
    const late = new Promise<never>((_, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    });
    try {
      await Promise.race([this.#check({ signal }), late]);
      return undefined;
    } catch (error) {
      if (signal.aborted) return "The database did not respond in time.";
      return isDaoError(error) ? error.message : "The database cannot be queried.";
    }
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
