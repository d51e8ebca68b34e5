import { isDaoError } from "@flux/dao-core/errors";
import type { PublicResponse, WholeResponse } from "../http/http-message.ts";
import { READINESS_TIMEOUT } from "../wire/limits.ts";

/** Resolves when the service can do its work; rejects with the reason why not. */
export type ReadinessCheck = (options: { readonly signal: AbortSignal }) => Promise<void>;

/** Answers `/ready`: whether requests should be sent here. */
export class Readiness {
  readonly #check: ReadinessCheck;
  #running: Promise<string | undefined> | undefined;
  #isStopping = false;

  constructor(check: ReadinessCheck) {
    this.#check = check;
  }

  /** From now on it is not ready, because it is about to stop. */
  announceStop(): void {
    this.#isStopping = true;
  }

  get isStopping(): boolean {
    return this.#isStopping;
  }

  async answer(): Promise<PublicResponse> {
    // Planned, and so nothing to be warned of.
    if (this.#isStopping) return jsonAnswer(503, { status: "not_ready", detail: "The service is stopping." });
    const reason = await this.#reason();
    if (reason === undefined) return jsonAnswer(200, { status: "ready" });
    return { ...jsonAnswer(503, { status: "not_ready", detail: reason }), warning: reason };
  }

  /** Why it is not ready. However many ask at once, the database is asked once. */
  #reason(): Promise<string | undefined> {
    this.#running ??= this.#ask().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #ask(): Promise<string | undefined> {
    const abort = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<string>((resolve) => {
      timer = setTimeout(() => {
        resolve("The database did not answer in time.");
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
      return isDaoError(error) ? error.message : "The database cannot be asked.";
    }
  }
}

/** Answers `/health`: the process runs, whatever the database does. */
export function answerHealth(): WholeResponse {
  return jsonAnswer(200, { status: "ok" });
}

function jsonAnswer(status: number, body: Readonly<Record<string, string>>): WholeResponse {
  return {
    status,
    headers: { "content-type": "application/json", "cache-control": "no-store" },
    body: JSON.stringify(body),
  };
}
