import { UnavailableError } from "../../contract/errors.ts";
import { onGivenUp } from "../../session/given-up.ts";
import type { ObservedPool, PoolObserver, PoolUsage } from "../../session/observed-pool.ts";

export interface LanePoolOptions {
  /** The most connections that are open at once. */
  readonly size: number;
  /** Milliseconds to wait for a connection. */
  readonly acquireTimeout: number;
  /** The most callers that may wait at once; the next one is turned away. */
  readonly maxWaiting: number;
}

/** What a pool must know of a connection. */
export interface PooledLane {
  readonly isAlive: boolean;
  /** Statements that are on their way. */
  readonly running: number;
  /** Whether statements are on their way and none has come to its end for a while: one waits for a lock, or takes long. */
  readonly isStalled: boolean;
  /** Resolves when none is. */
  idle(): Promise<void>;
  close(): Promise<void>;
}

/**
 * How a lane is used: by a statement that waits for nobody, and is answered at once or takes its time, by one that may
 * wait for a lock, or by a transaction.
 */
type Use = "short read" | "read" | "write" | "transaction";

/**
 * Short reads that go out together on one lane, in one packet: a system call on either side, and the waking of a server
 * process, take longer than such a read. Few enough that the last of them waits for less than a millisecond.
 */
const GATHERED = 4;

/** The most statements on their way on one lane: enough to keep the server busy while answers travel. */
const PIPELINE_DEPTH = 8;

interface Waiter<Lane> {
  readonly use: Use;
  /** Puts the lane to use at once, before anybody else can. */
  readonly admit: (lane: Lane) => void;
  readonly refuse: (error: unknown) => void;
}

/**
 * Hands out lanes in two ways: *shared* for a single statement, pipelined behind others, and *exclusive* for a
 * transaction. A statement that waits for a lock holds up all behind it on its lane, so nothing is sent on a lane that is
 * stalled, and no read behind a write while there is another lane. Short reads that are begun in one turn of the event loop
 * share a lane, though others be idle. Waiting callers are served in the order in which they
 * came. A lane that is lost leaves the pool, and the next caller opens another.
 */
export class LanePool<Lane extends PooledLane> implements ObservedPool {
  readonly #open: (onLost: (lane: Lane) => void) => Lane;
  readonly #options: LanePoolOptions;
  readonly #lanes = new Set<Lane>();
  readonly #exclusive = new Set<Lane>();
  /** How many writes are on their way, on lanes where there are any. */
  readonly #writes = new Map<Lane, number>();
  /** What runs on exclusive lanes, for {@link close} to wait for. */
  readonly #exclusiveWork = new Set<Promise<unknown>>();
  readonly #waiting: Waiter<Lane>[] = [];
  /** Where the short reads of this turn of the event loop go. */
  #gathering: Lane | undefined;
  #observer: PoolObserver | undefined;
  #isClosed = false;

  constructor(open: (onLost: (lane: Lane) => void) => Lane, options: LanePoolOptions) {
    this.#open = open;
    this.#options = options;
  }

  get usage(): PoolUsage {
    let used = 0;
    for (const lane of this.#lanes) if (lane.running > 0 || this.#exclusive.has(lane)) used++;
    return { size: this.#options.size, used, idle: this.#lanes.size - used, waiting: this.#waiting.length };
  }

  observe(observer: PoolObserver): void {
    this.#observer = observer;
  }

  /**
   * Runs one statement on a lane that others may share.
   * @throws UnavailableError when every lane is in use and none is free in time, or too many wait already
   */
  shared<Result>(use: Exclude<Use, "transaction">, statement: (lane: Lane) => Promise<Result>): Promise<Result> {
    const lane = this.#waiting.length === 0 ? this.#laneFor(use) : undefined;
    if (lane !== undefined) {
      this.#observer?.acquired(0);
      return this.#share(lane, use, statement);
    }
    const begun = performance.now();
    return this.#wait(use, (admitted) => {
      this.#observer?.acquired(performance.now() - begun);
      return this.#share(admitted, use, statement);
    });
  }

  /**
   * Runs `work` on a lane that nobody else uses meanwhile.
   * @throws UnavailableError when no lane is free in time
   */
  async exclusive<Result>(work: (lane: Lane) => Promise<Result>, signal?: AbortSignal): Promise<Result> {
    const begun = performance.now();
    const deadline = begun + this.#options.acquireTimeout;
    for (;;) {
      const lane = this.#waiting.length === 0 ? this.#leastBusy("transaction") : undefined;
      const held = lane ?? (await this.#wait("transaction", async (admitted) => admitted, signal, deadline));
      this.#exclusive.add(held);
      try {
        // What was sent before is let through: a BEGIN behind a long queue could be left idle (porsager/postgres #1189).
        if (held.running > 0) await this.#untilIdle(held, deadline, signal);
        if (held.isAlive) {
          this.#observer?.acquired(performance.now() - begun);
          return await this.#counted(work(held));
        }
      } finally {
        this.#exclusive.delete(held);
        if (!held.isAlive) this.#lanes.delete(held);
        this.#admitWaiting();
      }
    }
  }

  /** Lets what runs finish, for `timeout` milliseconds at most, then closes every lane. */
  async close(timeout: number): Promise<void> {
    this.#isClosed = true;
    for (const waiter of this.#waiting.splice(0)) waiter.refuse(closedError());
    let expire: NodeJS.Timeout | undefined;
    const expired = new Promise<void>((resolve) => {
      expire = setTimeout(resolve, timeout);
    });
    await Promise.race([this.#allIdle(), expired]);
    clearTimeout(expire);
    await Promise.all([...this.#lanes].map((lane) => lane.close()));
    this.#lanes.clear();
  }

  #share<Result>(lane: Lane, use: Use, statement: (lane: Lane) => Promise<Result>): Promise<Result> {
    if (use === "write") this.#countWrite(lane, 1);
    const settled = () => {
      if (use === "write") this.#countWrite(lane, -1);
      if (this.#waiting.length > 0) this.#admitWaiting();
    };
    const result = statement(lane);
    result.then(settled, settled);
    return result;
  }

  #countWrite(lane: Lane, change: 1 | -1): void {
    const count = (this.#writes.get(lane) ?? 0) + change;
    if (count === 0) this.#writes.delete(lane);
    else this.#writes.set(lane, count);
  }

  #laneFor(use: Use): Lane | undefined {
    if (use !== "short read") return this.#leastBusy(use);
    const gathering = this.#gathering;
    if (gathering !== undefined && gathering.running < GATHERED && this.#isFreeForReads(gathering)) return gathering;
    const lane = this.#leastBusy(use);
    if (lane === undefined || lane.running > 0) return lane;
    // postgres.js sends what it was given in a turn at the turn's end.
    if (gathering === undefined) setImmediate(() => this.#endTurn());
    this.#gathering = lane;
    return lane;
  }

  #endTurn(): void {
    this.#gathering = undefined;
  }

  #isFreeForReads(lane: Lane): boolean {
    return this.#lanes.has(lane) && !this.#exclusive.has(lane) && !this.#writes.has(lane) && !lane.isStalled;
  }

  /** A lane that is idle, else a new one while there is room, else the one with the least to do of those that take more. */
  #leastBusy(use: Use): Lane | undefined {
    if (this.#isClosed) throw closedError();
    const isRead = use === "read" || use === "short read";
    let least: Lane | undefined;
    let leastRank = use === "transaction" ? Number.POSITIVE_INFINITY : 2 * PIPELINE_DEPTH;
    for (const lane of this.#lanes) {
      if (this.#exclusive.has(lane)) continue;
      const { running } = lane;
      if (running === 0) return lane;
      if (running >= PIPELINE_DEPTH && use !== "transaction") continue;
      // Behind a write only where there is nothing else.
      const rank = isRead && this.#writes.has(lane) ? running + PIPELINE_DEPTH : running;
      if (rank >= leastRank || lane.isStalled) continue;
      least = lane;
      leastRank = rank;
    }
    if (this.#lanes.size >= this.#options.size) return least;
    const lane = this.#open((lost) => this.#drop(lost));
    this.#lanes.add(lane);
    return lane;
  }

  #drop(lane: Lane): void {
    // A lane that a transaction holds leaves when the transaction does, so that it cannot be replaced twice.
    if (this.#exclusive.has(lane)) return;
    this.#lanes.delete(lane);
    this.#admitWaiting();
  }

  #wait<Result>(
    use: Use,
    run: (lane: Lane) => Promise<Result>,
    signal?: AbortSignal,
    deadline?: number,
  ): Promise<Result> {
    const { acquireTimeout, maxWaiting } = this.#options;
    const remaining = deadline === undefined ? acquireTimeout : Math.max(0, deadline - performance.now());
    if (this.#waiting.length >= maxWaiting) {
      return Promise.reject(
        new UnavailableError(`${maxWaiting} callers wait for a connection already. Try again later.`),
      );
    }
    return new Promise((resolve, reject) => {
      const leave = () => {
        stopWatching();
        const place = this.#waiting.indexOf(waiter);
        if (place >= 0) this.#waiting.splice(place, 1);
      };
      const waiter: Waiter<Lane> = {
        use,
        admit: (lane) => {
          leave();
          resolve(run(lane));
        },
        refuse: (error) => {
          leave();
          reject(error);
        },
      };
      const stopWatching = onGivenUp(remaining, signal, (error) => waiter.refuse(error ?? this.#timeOut()));
      this.#waiting.push(waiter);
    });
  }

  #untilIdle(lane: Lane, deadline: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const remaining = Math.max(0, deadline - performance.now());
      const stopWatching = onGivenUp(remaining, signal, (error) => reject(error ?? this.#timeOut()));
      void lane.idle().then(() => {
        stopWatching();
        resolve();
      });
    });
  }

  #timeOut(): UnavailableError {
    this.#observer?.timedOut();
    const { acquireTimeout } = this.#options;
    return new UnavailableError(
      `No connection was free within ${acquireTimeout} ms. Try again later, or raise poolSize.`,
    );
  }

  #admitWaiting(): void {
    for (let waiter = this.#waiting[0]; waiter !== undefined; waiter = this.#waiting[0]) {
      if (this.#isClosed) return;
      const lane = this.#leastBusy(waiter.use);
      if (lane === undefined) return;
      // Marked at once: the waiter itself goes on only in a later microtask.
      if (waiter.use === "transaction") this.#exclusive.add(lane);
      waiter.admit(lane);
    }
  }

  async #counted<Result>(work: Promise<Result>): Promise<Result> {
    this.#exclusiveWork.add(work);
    try {
      return await work;
    } finally {
      this.#exclusiveWork.delete(work);
    }
  }

  async #allIdle(): Promise<void> {
    await Promise.allSettled(this.#exclusiveWork);
    await Promise.all([...this.#lanes].map((lane) => lane.idle()));
  }
}

function closedError(): UnavailableError {
  return new UnavailableError("The database was closed. Open it again before you use it.");
}
