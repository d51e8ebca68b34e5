import { type DatabaseSession, deleteExpiredIdempotencyKeys } from "@flux/dao-core";
import { IDEMPOTENCY_CLEANUP_INTERVAL } from "../wire/limits.ts";
import type { Logger } from "./log.ts";

/**
 * Deletes expired idempotency keys now and then. It has no timer, which would keep a host's process from ending, and
 * would not run in a host that sleeps between requests: whoever uses keys starts a sweep, and does not wait for it.
 */
export class KeySweeper {
  readonly #session: DatabaseSession;
  readonly #logger: Logger;
  #last = Number.NEGATIVE_INFINITY;

  constructor(session: DatabaseSession, logger: Logger) {
    this.#session = session;
    this.#logger = logger;
  }

  /** Begins a sweep unless one began within the hour. Never throws: what fails is a warning in the log. */
  sweepIfDue(): void {
    const now = performance.now();
    // Somebody else's transaction must not be worked in behind their back.
    if (now - this.#last < IDEMPOTENCY_CLEANUP_INTERVAL || this.#session.isTransaction) return;
    this.#last = now;
    deleteExpiredIdempotencyKeys(this.#session).catch((error: unknown) => this.#warn(error));
  }

  #warn(error: unknown): void {
    const detail = error instanceof Error ? error.message : String(error);
    try {
      this.#logger.warn({ detail }, "expired idempotency keys could not be deleted");
    } catch {
      // There is nobody left to tell.
    }
  }
}
