import type { StatementKind } from "../../../session/driver.ts";

/** What a pool must know of a connection. */
export interface PooledConnection {
  /** Whether it takes statements. Once it does not, it never does again. */
  readonly isAlive: boolean;
  /** Whether it should be replaced by another when nothing runs on it. */
  readonly isWornOut: boolean;
  /** Statements that are on their way. */
  readonly running: number;
  /** Whether statements are on their way and none has settled for a while: one waits for a lock, or takes long. */
  readonly isBlocked: boolean;
  /** When it was opened, and when used last, as `performance.now()` says it. */
  readonly openedAt: number;
  readonly lastUsed: number;
  /** Whether the server responds within `milliseconds`; a connection that does not is lost. */
  isAnswering(milliseconds: number): Promise<boolean>;
  /** Resolves when no statement is on its way. */
  idle(): Promise<void>;
  /** Takes no more statements, and closes when those that run have settled. */
  retire(): void;
  close(): Promise<void>;
}

/** Why a connection takes no more statements: its peer is gone, a caller aborted what ran on it, or it is to be replaced. */
export type LossReason = "dead" | "aborted" | "retired";

/** How a connection is used: by one statement, or by a transaction. */
export type Use = StatementKind | "transaction";

/** A connection in a pool, and what it is used for. */
export class Slot<Connection extends PooledConnection> {
  readonly connection: Connection;
  /** Whether a transaction has it. */
  isExclusive = false;
  /** Whether it is being tested. */
  isTested = false;
  /** Whether it is to be replaced when the transaction that has it ends. */
  isReplaced = false;
  /** Writes that are on their way. */
  writes = 0;
  readonly #expiresAt: number;

  /** @param maxLifetime milliseconds; 0 is no limit */
  constructor(connection: Connection, maxLifetime: number) {
    this.connection = connection;
    // Up to a tenth earlier, so that those that were opened together do not end together.
    const lifetime = maxLifetime === 0 ? Number.POSITIVE_INFINITY : maxLifetime * (1 - Math.random() / 10);
    this.#expiresAt = connection.openedAt + lifetime;
  }

  /** Whether it may be given to a caller, idle or not. */
  get isUsable(): boolean {
    return !this.isExclusive && !this.isTested && this.connection.isAlive;
  }

  get isIdle(): boolean {
    return this.isUsable && this.connection.running === 0;
  }

  /** Whether its time is over: it is as old as may be, worn out, or was idle for `idleTimeout` milliseconds; 0 is no limit. */
  isExpired(now: number, idleTimeout: number): boolean {
    const { isWornOut, running, lastUsed } = this.connection;
    return now > this.#expiresAt || isWornOut || (running === 0 && idleTimeout > 0 && now - lastUsed > idleTimeout);
  }
}
