import type { StatementKind } from "../../../session/driver.ts";
import { BLOCKED_AFTER, IDLE_TEST_AFTER, IDLE_TEST_TIMEOUT, UPKEEP_INTERVAL } from "../../../session/limits.ts";

/** The statements in flight on a connection, with a watchdog for a server that hangs or a network that drops packets. */
export class Activity {
  /** Milliseconds without a response while statements run; 0 is no limit. The server's own time-outs are shorter. */
  responseTimeout = 0;
  /** The number of statements in flight. */
  running = 0;
  /** When the first of the running statements was sent, or the last one settled, by `performance.now()`. */
  lastProgress = performance.now();
  readonly #onUnresponsive: () => void;
  #settledCount = 0;
  /** Kept while idle, since restarting it costs less than making one for each statement. */
  #watchdog: NodeJS.Timeout | undefined;
  #watchdogTimeout = 0;
  #whenIdle: (() => void)[] = [];

  /** @param onUnresponsive called when {@link responseTimeout} has passed */
  constructor(onUnresponsive: () => void) {
    this.#onUnresponsive = onUnresponsive;
  }

  /** Whether statements are in flight and none has settled for a while: one waits for a lock, or is slow. */
  get isBlocked(): boolean {
    return this.running > 0 && performance.now() - this.lastProgress > BLOCKED_AFTER;
  }

  started(): void {
    if (this.running++ > 0) return;
    this.lastProgress = performance.now();
    if (this.responseTimeout === this.#watchdogTimeout) this.#watchdog?.refresh();
    else this.#watch(this.responseTimeout);
  }

  #watch(timeout: number): void {
    this.stop();
    this.#watchdogTimeout = timeout;
    if (timeout === 0) return;
    this.#watchdog = setTimeout(() => {
      const settledBefore = this.#settledCount;
      // Data that arrived while this process was busy is read before this runs.
      setImmediate(() => {
        if (this.running > 0 && this.#settledCount === settledBefore) this.#onUnresponsive();
      });
    }, timeout).unref();
  }

  /** Stops the watchdog, which else exists for some time after the last statement. */
  stop(): void {
    clearTimeout(this.#watchdog);
    this.#watchdog = undefined;
  }

  settled(): void {
    this.#settledCount++;
    this.running--;
    this.lastProgress = performance.now();
    if (this.running > 0) {
      this.#watchdog?.refresh();
      return;
    }
    const waiting = this.#whenIdle;
    this.#whenIdle = [];
    for (const resolve of waiting) resolve();
  }

  /** Resolves when no statement is in flight. */
  idle(): Promise<void> {
    return this.running === 0 ? Promise.resolve() : new Promise((resolve) => this.#whenIdle.push(resolve));
  }
}

/** A connection, as a pool sees it. */
export interface PooledConnection {
  /** Whether it accepts statements. Once `false`, it stays so. */
  readonly isAlive: boolean;
  /** When it was opened, by `performance.now()`. */
  readonly openedAt: number;
  readonly activity: Pick<Activity, "running" | "isBlocked" | "lastProgress" | "idle">;
  /** Whether the server responds within `milliseconds`; a connection that does not is lost. */
  isAnswering(milliseconds: number): Promise<boolean>;
  /** Called when its exclusive use has ended. */
  released(): void;
  /** Accepts no more statements, and closes when the running ones have settled. */
  retire(): void;
  close(): Promise<void>;
}

/** Why a connection accepts no more statements: its peer is dead, a caller aborted a statement on it, or it is being replaced. */
export type LossReason = "dead" | "aborted" | "retired";

/** How a connection is used: by one statement, or by a transaction. */
export type Use = StatementKind | "transaction";

/** A connection in a pool, and its use. */
export class Slot<Connection extends PooledConnection> {
  readonly connection: Connection;
  /** Whether a transaction has it. */
  isExclusive = false;
  isBeingTested = false;
  /** Whether it must be replaced when its transaction ends. */
  isReplaced = false;
  /** The number of writes in flight. */
  writes = 0;
  readonly #expiresAt: number;

  /** @param maxLifetime milliseconds; 0 is no limit */
  constructor(connection: Connection, maxLifetime: number) {
    this.connection = connection;
    // Up to a tenth earlier, so that connections opened together do not expire together.
    const lifetime = maxLifetime === 0 ? Number.POSITIVE_INFINITY : maxLifetime * (1 - Math.random() / 10);
    this.#expiresAt = connection.openedAt + lifetime;
  }

  /** Whether callers may use it, idle or not. */
  get isUsable(): boolean {
    return !this.isExclusive && !this.isBeingTested && this.connection.isAlive;
  }

  /** Whether it has reached its lifetime, or was idle for `idleTimeout` milliseconds; 0 is no limit. */
  isExpired(now: number, idleTimeout: number): boolean {
    const { running, lastProgress } = this.connection.activity;
    const wasIdle = running === 0 && idleTimeout > 0 && now - lastProgress > idleTimeout;
    return wasIdle || now > this.#expiresAt;
  }
}

/** Tests the idle connections of a pool, and closes expired ones. */
export class Upkeep {
  readonly #slots: ReadonlyMap<unknown, Slot<PooledConnection>>;
  readonly #onTested: () => void;
  #tests = 0;
  #sweeper: NodeJS.Timeout | undefined;

  /** @param onTested called when a connection can be used again, or is lost */
  constructor(slots: ReadonlyMap<unknown, Slot<PooledConnection>>, onTested: () => void) {
    this.#slots = slots;
    this.#onTested = onTested;
  }

  get isTesting(): boolean {
    return this.#tests > 0;
  }

  /** Whether a connection that has been idle since then must be tested before use. */
  isStale(lastProgress: number): boolean {
    return performance.now() - lastProgress > IDLE_TEST_AFTER;
  }

  /** Tests an idle connection; without a response it is lost. */
  test(slot: Slot<PooledConnection>): void {
    slot.isBeingTested = true;
    this.#tests++;
    void slot.connection.isAnswering(IDLE_TEST_TIMEOUT).then(() => {
      slot.isBeingTested = false;
      this.#tests--;
      this.#onTested();
    });
  }

  /** Tests all idle connections: one was found dead, and others may have ended with it. */
  testIdle(): void {
    for (const slot of this.#slots.values()) {
      if (slot.isUsable && slot.connection.activity.running === 0) this.test(slot);
    }
  }

  /** Starts checking for expired connections; does not keep the process alive. Times in milliseconds; 0 is no limit. */
  begin(idleTimeout: number, maxLifetime: number): void {
    const limits = [idleTimeout, maxLifetime].filter((limit) => limit > 0);
    const interval = Math.ceil(Math.min(UPKEEP_INTERVAL, ...limits) / 2);
    this.#sweeper ??= setInterval(() => {
      for (const slot of [...this.#slots.values()]) {
        if (slot.isUsable && slot.isExpired(performance.now(), idleTimeout)) slot.connection.retire();
      }
    }, interval).unref();
  }

  stop(): void {
    clearInterval(this.#sweeper);
  }
}
