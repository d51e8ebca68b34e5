import { IDLE_TEST_AFTER, IDLE_TEST_TIMEOUT, UPKEEP_INTERVAL } from "../../../session/limits.ts";
import type { PooledConnection, Slot } from "./slot.ts";

/** Tests the idle connections of a pool, and closes expired ones. Times in milliseconds; 0 is no limit. */
export class Upkeep<Connection extends PooledConnection> {
  readonly #slots: ReadonlyMap<Connection, Slot<Connection>>;
  readonly #idleTimeout: number;
  readonly #maxLifetime: number;
  readonly #onTested: () => void;
  #tests = 0;
  #sweeper: NodeJS.Timeout | undefined;

  /** @param onTested called when a connection can be used again, or is lost */
  constructor(
    slots: ReadonlyMap<Connection, Slot<Connection>>,
    { idleTimeout, maxLifetime }: { readonly idleTimeout: number; readonly maxLifetime: number },
    onTested: () => void,
  ) {
    this.#slots = slots;
    this.#idleTimeout = idleTimeout;
    this.#maxLifetime = maxLifetime;
    this.#onTested = onTested;
  }

  /** Whether a connection is being tested. */
  get isTesting(): boolean {
    return this.#tests > 0;
  }

  /** Whether a connection that was idle since then must be tested before it is used. */
  isStale(lastUsed: number): boolean {
    return performance.now() - lastUsed > IDLE_TEST_AFTER;
  }

  /** Tests an idle connection; without a response it is lost. */
  test(slot: Slot<Connection>): void {
    slot.isTested = true;
    this.#tests++;
    void slot.connection.isAnswering(IDLE_TEST_TIMEOUT).then(() => {
      slot.isTested = false;
      this.#tests--;
      this.#onTested();
    });
  }

  /** Tests all idle connections: one was found dead, and others may have ended with it. */
  testIdle(): void {
    for (const slot of this.#slots.values()) if (slot.isIdle) this.test(slot);
  }

  /** Starts to look for expired connections; does not keep the process alive. */
  begin(): void {
    if (this.#sweeper !== undefined) return;
    const limits = [this.#idleTimeout, this.#maxLifetime].filter((limit) => limit > 0);
    const interval = Math.ceil(Math.min(UPKEEP_INTERVAL, ...limits) / 2);
    this.#sweeper = setInterval(() => this.#sweep(), interval).unref();
  }

  stop(): void {
    clearInterval(this.#sweeper);
  }

  #sweep(): void {
    const now = performance.now();
    for (const slot of [...this.#slots.values()]) {
      if (slot.isUsable && slot.isExpired(now, this.#idleTimeout)) slot.connection.retire();
    }
  }
}
