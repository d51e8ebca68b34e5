import type { StatementKind } from "../../../session/driver.ts";

/** A connection, as a pool sees it. */
export interface PooledConnection {
  /** Whether it accepts statements. Once `false`, it stays so. */
  readonly isAlive: boolean;
  /** Whether it should be replaced when it is idle. */
  readonly isWornOut: boolean;
  /** The number of statements in flight. */
  readonly running: number;
  /** Whether statements are in flight and none has settled for a while: one waits for a lock, or takes long. */
  readonly isBlocked: boolean;
  /** When it was opened and last used, by `performance.now()`. */
  readonly openedAt: number;
  readonly lastUsed: number;
  /** Whether the server responds within `milliseconds`; a connection that does not is lost. */
  isAnswering(milliseconds: number): Promise<boolean>;
  /** Resolves when no statement is in flight. */
  idle(): Promise<void>;
  /** Accepts no more statements, and closes when the running ones have settled. */
  retire(): void;
  close(): Promise<void>;
}

/** Why a connection accepts no more statements: its peer is gone, a caller aborted a statement on it, or it is being replaced. */
export type LossReason = "dead" | "aborted" | "retired";

/** How a connection is used: by one statement, or by a transaction. */
export type Use = StatementKind | "transaction";

/** A connection in a pool, and its use. */
export class Slot<Connection extends PooledConnection> {
  readonly connection: Connection;
  /** Whether a transaction has it. */
  isExclusive = false;
  /** Whether it is being tested. */
  isTested = false;
  /** Whether it must be replaced when its transaction ends. */
  isReplaced = false;
  /** The number of writes in flight. */
  writes = 0;
  readonly #expiresAt: number;

  /** @param maxLifetime milliseconds; 0 is no limit */
  constructor(connection: Connection, maxLifetime: number) {
    this.connection = connection;
    // Up to a tenth earlier, so that connections opened together do not end together.
    const lifetime = maxLifetime === 0 ? Number.POSITIVE_INFINITY : maxLifetime * (1 - Math.random() / 10);
    this.#expiresAt = connection.openedAt + lifetime;
  }

  /** Whether a caller may use it, idle or not. */
  get isUsable(): boolean {
    return !this.isExclusive && !this.isTested && this.connection.isAlive;
  }

  get isIdle(): boolean {
    return this.isUsable && this.connection.running === 0;
  }

  /** Whether it must be closed: it has reached its lifetime, is worn out, or was idle for `idleTimeout` milliseconds; 0 is no limit. */
  isExpired(now: number, idleTimeout: number): boolean {
    const { isWornOut, running, lastUsed } = this.connection;
    return now > this.#expiresAt || isWornOut || (running === 0 && idleTimeout > 0 && now - lastUsed > idleTimeout);
  }
}
