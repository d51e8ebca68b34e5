import { BEGUN_AFTER_STORM, BEGUN_IN_STORM, STORM_TURNS, STORM_WAIT } from "../wire/limits.ts";

interface HeldRequest {
  readonly since: number;
  readonly begin: () => void;
}

/**
 * More new connections than the process has accepted. Node accepts one in each turn of the event loop; whatever else these turns
 * do delays all connections that still wait, and one of them may be a probe's. So meanwhile no request begins, and no response
 * reads.
 */
class ConnectionStorm {
  readonly #held: HeldRequest[] = [];
  #hasAccepted = false;
  /** Turns in a row that accepted a connection. */
  #turns = 0;
  #endOfTurn: ReturnType<typeof setImmediate> | undefined;

  /** Call it for each new connection. */
  accepted(): void {
    this.#hasAccepted = true;
    this.#endOfTurn ??= setImmediate(() => this.#endTurn());
  }

  /** Whether a request must wait. One that comes with the only new connection need not. */
  get holdsRequests(): boolean {
    return this.#turns >= STORM_TURNS;
  }

  /** Whether what has waited since then, by `performance.now()`, must wait: not for long, since there may always be connections. */
  holds(since: number): boolean {
    return this.#turns > 0 && performance.now() - since < STORM_WAIT;
  }

  /** Resolves when a request may begin that is held. */
  leave(): Promise<void> {
    return new Promise((resolve) => {
      this.#held.push({ since: performance.now(), begin: resolve });
    });
  }

  #endTurn(): void {
    this.#turns = this.#hasAccepted ? this.#turns + 1 : 0;
    this.#hasAccepted = false;
    const most = this.#turns === 0 ? BEGUN_AFTER_STORM : BEGUN_IN_STORM;
    for (let begun = 0; begun < most; begun++) {
      const [first] = this.#held;
      if (first === undefined || this.holds(first.since)) break;
      this.#held.shift();
      first.begin();
    }
    const isOver = this.#turns === 0 && this.#held.length === 0;
    this.#endOfTurn = isOver ? undefined : setImmediate(() => this.#endTurn());
  }
}

/** One for the process, as its event loop is. */
export const connectionStorm = new ConnectionStorm();
