import * as limits from "../../../session/limits.ts";
import { isServerFull } from "../../../session/postgres-errors.ts";

/** The pool that connections are opened for. */
interface Demand<Connection> {
  /** Connections that are open. */
  open(): number;
  /** Callers that wait for one. */
  wanted(): number;
  opened(connection: Connection): void;
  /** @param isLast whether no other attempt is under way, or this one was slow */
  failed(error: unknown, isLast: boolean): void;
}

/**
 * Opens connections for a pool, never more than the server permits: at once, or after a failed attempt one at a time, with pauses
 * that double up to a second. Slow attempts continue, but nothing waits for them.
 */
export class Connector<Connection> {
  readonly #connect: () => Promise<Connection>;
  readonly #demand: Demand<Connection>;
  readonly #size: number;
  #attempts = 0;
  #slowAttempts = 0;
  #failures = 0;
  #nextAttempt = 0;
  #timer: NodeJS.Timeout | undefined;
  #limit: number;
  #limitEnds = 0;
  /** Why the last attempt failed; `undefined` if it succeeded. */
  lastError: unknown;

  /** @param size maximum number of connections of the pool */
  constructor(connect: () => Promise<Connection>, size: number, demand: Demand<Connection>) {
    this.#connect = connect;
    this.#demand = demand;
    this.#size = size;
    this.#limit = size;
  }

  /** The number of connections that may be open now. */
  get limit(): number {
    return performance.now() < this.#limitEnds ? this.#limit : this.#size;
  }

  get isConnecting(): boolean {
    return this.#attempts > this.#slowAttempts;
  }

  /** Whether an attempt may begin now. */
  get mayConnect(): boolean {
    const isHeld = this.#failures > 0 && (this.isConnecting || performance.now() < this.#nextAttempt);
    return !isHeld && this.#demand.open() + this.#attempts < this.limit;
  }

  /** Opens a connection for each waiting caller: as many as allowed now, the others later. */
  grow(): void {
    while (this.#attempts - this.#slowAttempts < this.#demand.wanted() && this.mayConnect) this.#begin();
    if (this.isConnecting || this.#demand.wanted() === 0 || this.#failures === 0 || this.#timer !== undefined) return;
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined;
        this.grow();
      },
      Math.max(1, this.#nextAttempt - performance.now()),
    );
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #begin(): void {
    this.#attempts++;
    let isSlow = false;
    const slowness = setTimeout(() => {
      isSlow = true;
      this.#slowAttempts++;
      this.grow();
    }, limits.SLOW_CONNECT);
    const end = () => {
      clearTimeout(slowness);
      this.#attempts--;
      if (isSlow) this.#slowAttempts--;
    };
    this.#connect().then(
      (connection) => {
        end();
        this.#failures = 0;
        this.lastError = undefined;
        this.#demand.opened(connection);
        this.#limit = Math.max(this.#limit, this.#demand.open());
      },
      (error: unknown) => {
        end();
        this.#learn(error);
        this.#demand.failed(error, isSlow || this.#attempts === 0);
      },
    );
  }

  #learn(error: unknown): void {
    this.lastError = error;
    const open = this.#demand.open();
    if (open > 0 && isServerFull(error)) {
      this.#limit = open;
      this.#limitEnds = performance.now() + limits.SERVER_LIMIT_LIFETIME;
      return;
    }
    const longest = Math.min(limits.LONGEST_RETRY_DELAY, limits.FIRST_RETRY_DELAY * 2 ** this.#failures);
    this.#nextAttempt = performance.now() + longest * (0.5 + Math.random() / 2);
    this.#failures++;
  }
}
