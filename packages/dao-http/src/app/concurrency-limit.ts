import { setTimeout as delay } from "node:timers/promises";
import type { Requester } from "@flux/dao-core";
import { HttpError } from "../http/problem.ts";
import * as limits from "../wire/limits.ts";

export type ConcurrencyLimit = ReturnType<typeof createConcurrencyLimit>;

/**
 * Limits the requests in progress, since many half-finished ones keep the garbage collector busy. Some more wait in a queue,
 * which a request leaves when its client disconnects; others are rejected.
 * @param most maximum numbers of requests in progress and in the queue
 */
export function createConcurrencyLimit(most: { readonly inProgress: number; readonly waiting: number }) {
  // One for all: creating an error is expensive because of its stack.
  const overloaded = new HttpError("unavailable", "The service has more requests than it can handle. Try again later.");
  /** The admissions of waiting requests, in order. Empty while there is room. */
  const queue = new Set<() => void>();
  let inProgress = 0;
  let delayed = 0;
  let immediate = 0;
  let lastSecond = 0;
  return { run, enter, leave, whenRoom };

  /** @throws what {@link enter} rejects with, and what `work` throws */
  async function run<Result>(work: () => Promise<Result>, request: Requester = {}): Promise<Result> {
    await enter(request);
    try {
      return await work();
    } finally {
      leave();
    }
  }

  /**
   * Counts a request as in progress until {@link leave}: at once, or when the promise resolves, if it has to wait. That rejects with an
   * HttpError `unavailable` if the queue is full, or there is no room in time, and with a ClientGoneError.
   */
  function enter(request: Requester): Promise<void> | undefined {
    if (inProgress >= most.inProgress) return waitForRoom(request);
    inProgress++;
    return undefined;
  }

  function leave(): void {
    const [admit] = queue;
    if (admit === undefined) inProgress--;
    else admit();
  }

  /** Waits for room, at least in the queue, for a request whose body must be read before it can wait. */
  function whenRoom(request: Requester): Promise<void> | undefined {
    return isFull() ? refuseWhileFull(request) : undefined;
  }

  async function refuseWhileFull({ signal }: Requester): Promise<void> {
    await delayRejection(signal);
    if (isFull()) throw overloaded;
  }

  function isFull(): boolean {
    return inProgress >= most.inProgress && queue.size >= most.waiting;
  }

  async function waitForRoom(request: Requester): Promise<void> {
    if (isFull()) await refuseWhileFull(request);
    if (inProgress < most.inProgress) inProgress++;
    else if (isFull()) throw overloaded;
    else await wait(request.signal);
  }

  function wait(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const ending = (settle: () => void) => () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", onGone);
        queue.delete(admit);
        settle();
      };
      const admit = ending(resolve);
      const onGone = ending(() => reject(signal?.reason));
      const timer = setTimeout(
        ending(() => reject(overloaded)),
        limits.REQUEST_WAIT,
      );
      signal?.addEventListener("abort", onGone);
      queue.add(admit);
    });
  }

  async function delayRejection(signal: AbortSignal | undefined): Promise<void> {
    const second = Math.floor(performance.now() / 1_000);
    if (second !== lastSecond) {
      lastSecond = second;
      immediate = 0;
    }
    if (++immediate <= limits.IMMEDIATE_REJECTIONS || delayed >= limits.DELAYED_REJECTIONS) return;
    delayed++;
    try {
      await delay(limits.RETRY_AFTER * 1_000, undefined, { signal }).catch(() => signal?.throwIfAborted());
    } finally {
      delayed--;
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
