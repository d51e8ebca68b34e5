import { setTimeout as delay } from "node:timers/promises";
import type { Requester } from "@flux/dao-core";
import { HttpError } from "../http/problem.ts";
import * as limits from "../wire/limits.ts";

/**
 * Limits the requests in progress, since many half-finished ones keep the garbage collector busy. Some more wait in a queue,
 * which a request leaves when its client disconnects; others are rejected.
 */
export class ConcurrencyLimit {
  readonly #limits: { readonly inProgress: number; readonly waiting: number };
  readonly #overloaded: HttpError;
  /** The admissions of waiting requests, in order. Empty while there is room. */
  readonly #waiting = new Set<() => void>();
  #inProgress = 0;
  #delayed = 0;
  #immediate = 0;
  #second = 0;

  /** @param limits maximum numbers of requests in progress and in the queue */
  constructor(limits: { readonly inProgress: number; readonly waiting: number }) {
    this.#limits = limits;
    // One for all: creating an error is expensive because of its stack.
    this.#overloaded = new HttpError(
      "unavailable",
      "The service has more requests than it can handle. Try again later.",
    );
  }

  /** @throws what {@link enter} rejects with, and what `work` throws */
  async run<Result>(work: () => Promise<Result>, request: Requester = {}): Promise<Result> {
    await this.enter(request);
    try {
      return await work();
    } finally {
      this.leave();
    }
  }

  /**
   * Counts a request as in progress until {@link leave}: at once, or when the promise resolves, if it has to wait. That rejects with an
   * HttpError `unavailable` if the queue is full, or there is no room in time, and with a ClientGoneError.
   */
  enter(request: Requester): Promise<void> | undefined {
    if (this.#inProgress >= this.#limits.inProgress) return this.#waitForRoom(request);
    this.#inProgress++;
    return undefined;
  }

  leave(): void {
    const [enter] = this.#waiting;
    if (enter === undefined) this.#inProgress--;
    else enter();
  }

  /** Waits for room, at least in the queue, for a request whose body must be read before it can wait. */
  whenRoom(request: Requester): Promise<void> | undefined {
    return this.#isFull ? this.#refuseWhileFull(request) : undefined;
  }

  async #refuseWhileFull({ signal }: Requester): Promise<void> {
    await this.#delayRejection(signal);
    if (this.#isFull) throw this.#overloaded;
  }

  get #isFull(): boolean {
    return this.#inProgress >= this.#limits.inProgress && this.#waiting.size >= this.#limits.waiting;
  }

  async #waitForRoom(request: Requester): Promise<void> {
    if (this.#isFull) await this.#refuseWhileFull(request);
    if (this.#inProgress < this.#limits.inProgress) this.#inProgress++;
    else if (this.#isFull) throw this.#overloaded;
    else await this.#wait(request.signal);
  }

  #wait(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const leave = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", onGone);
        this.#waiting.delete(enter);
      };
      const enter = () => {
        leave();
        resolve();
      };
      const onGone = () => {
        leave();
        reject(signal?.reason);
      };
      const timer = setTimeout(() => {
        leave();
        reject(this.#overloaded);
      }, limits.REQUEST_WAIT);
      signal?.addEventListener("abort", onGone);
      this.#waiting.add(enter);
    });
  }

  async #delayRejection(signal: AbortSignal | undefined): Promise<void> {
    const second = Math.floor(performance.now() / 1_000);
    if (second !== this.#second) {
      this.#second = second;
      this.#immediate = 0;
    }
    if (++this.#immediate <= limits.IMMEDIATE_REJECTIONS || this.#delayed >= limits.DELAYED_REJECTIONS) return;
    this.#delayed++;
    try {
      await delay(limits.RETRY_AFTER * 1_000, undefined, { signal }).catch(() => signal?.throwIfAborted());
    } finally {
      this.#delayed--;
    }
  }
}

/**
 * More new connections than the process has accepted. Node accepts one per turn of the event loop, and a waiting one may belong
 * to a probe, so until then no request starts, and no response reads.
 */
class ConnectionStorm {
  readonly #held: { readonly since: number; readonly begin: () => void }[] = [];
  #hasAccepted = false;
  /** Consecutive turns that accepted a connection. */
  #turns = 0;
  #endOfTurn: ReturnType<typeof setImmediate> | undefined;

  accepted(): void {
    this.#hasAccepted = true;
    this.#endOfTurn ??= setImmediate(() => this.#endTurn());
  }

  /** Whether a request must wait; not if it arrives on the only new connection. */
  get holdsRequests(): boolean {
    return this.#turns >= limits.STORM_TURNS;
  }

  /** Whether what has waited since then, by `performance.now()`, must wait; limited, since new connections may never stop. */
  holds(since: number): boolean {
    return this.#turns > 0 && performance.now() - since < limits.STORM_WAIT;
  }

  leave(): Promise<void> {
    return new Promise((begin) => this.#held.push({ since: performance.now(), begin }));
  }

  #endTurn(): void {
    this.#turns = this.#hasAccepted ? this.#turns + 1 : 0;
    this.#hasAccepted = false;
    const most = this.#turns === 0 ? limits.BEGUN_AFTER_STORM : limits.BEGUN_IN_STORM;
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

/** One per process, like the event loop. */
export const connectionStorm = new ConnectionStorm();
