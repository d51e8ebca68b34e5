import { type DatabaseSession, deleteExpiredIdempotencyKeys } from "@flux/dao-core";
import { IDEMPOTENCY_CLEANUP_INTERVAL } from "../wire/limits.ts";
import type { Logger } from "./log.ts";

/**
 * Deletes expired idempotency keys once an hour. It has no timer, which would keep a host's process running, and would not fire
 * in a host that sleeps between requests: a request with a key starts the cleanup, and does not wait for it.
 */
export class IdempotencyKeyCleanup {
  readonly #session: DatabaseSession;
  readonly #logger: Logger;
  #last = Number.NEGATIVE_INFINITY;

  constructor(session: DatabaseSession, logger: Logger) {
    this.#session = session;
    this.#logger = logger;
  }

  /** Starts a cleanup unless one started within the hour. Never throws: a failure is a warning in the log. */
  startIfDue(): void {
    const now = performance.now();
    // Another caller's transaction is not ours to write in.
    if (now - this.#last < IDEMPOTENCY_CLEANUP_INTERVAL || this.#session.isTransaction) return;
    this.#last = now;
    deleteExpiredIdempotencyKeys(this.#session).catch((error: unknown) => this.#warn(error));
  }

  #warn(error: unknown): void {
    const detail = error instanceof Error ? error.message : String(error);
    try {
      this.#logger.warn({ detail }, "expired idempotency keys could not be deleted");
    } catch {
      // There is no one left to notify.
    }
  }
}
