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

  /** @param isStopping whether the service is about to stop */
  async respond(isStopping: boolean): Promise<PublicResponse> {
    // Planned, so no warning.
    if (isStopping) return jsonResponse(503, { status: "not_ready", detail: "The service is stopping." });
    const reason = await this.#reason();
    if (reason === undefined) return jsonResponse(200, { status: "ready" });
    return { ...jsonResponse(503, { status: "not_ready", detail: reason }), warning: reason };
  }

  /** Why it is not ready. Concurrent requests share one check. */
  #reason(): Promise<string | undefined> {
    this.#running ??= this.#runCheck().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #runCheck(): Promise<string | undefined> {
    const abort = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<string>((resolve) => {
      timer = setTimeout(() => {
        resolve("The database did not respond in time.");
        abort.abort();
      }, READINESS_TIMEOUT);
    });
    try {
      return await Promise.race([this.#outcome(abort.signal), late]);
    } finally {
      clearTimeout(timer);
    }
  }

  async #outcome(signal: AbortSignal): Promise<string | undefined> {
    try {
      await this.#check({ signal });
      return undefined;
    } catch (error) {
      return isDaoError(error) ? error.message : "The database cannot be queried.";
    }
  }
}

/** Handles `/health`: the process runs, whatever the database does. */
export function respondHealthy(): WholeResponse {
  return jsonResponse(200, { status: "ok" });
}

function jsonResponse(status: number, body: Readonly<Record<string, string>>): WholeResponse {
  return {
    status,
    headers: { "content-type": "application/json", "cache-control": "no-store" },
    body: JSON.stringify(body),
  };
}
