import { setTimeout as delay, setImmediate as nextTurn } from "node:timers/promises";
import type { CallOptions, Requester } from "../../../contract/call-options.ts";
import { UnavailableError } from "../../../contract/errors.ts";
import type { StatementKind } from "../../../session/driver.ts";
import type { InstrumentedPool, PoolObserver, PoolUsage } from "../../../session/instrumentation.ts";
import { GATHERED_QUERIES, GATHERED_WRITES } from "../../../session/limits.ts";
import { withEitherSignal, withinTime } from "../../../session/waiting/deadline.ts";
import { closedError, WaitingLine } from "../../../session/waiting/waiting-line.ts";
import type { DriverNumbers } from "../driver-options.ts";
import { Connector } from "./connector.ts";
import { type LossReason, type PooledConnection, Slot, Upkeep, type Use } from "./slot.ts";

type PoolOptions = Pick<
  DriverNumbers,
  "poolSize" | "pipelineDepth" | "acquireTimeout" | "maxWaiting" | "idleTimeout" | "maxLifetime"
>;

/**
 * Hands out connections in two ways: *shared* for a single statement, pipelined behind others, and *exclusive* for a transaction.
 * A statement that waits for a lock delays everything after it on its connection, so nothing is sent on a blocked connection, and
 * no read is sent after a write if there is another connection. Callers wait in a first-come, first-served queue.
 *
 * A connection is opened when a caller finds none idle. When one is lost, it leaves the pool, and the idle ones are tested; if
 * none is left and none can be opened, waiting callers are rejected with the reason.
 */
export class ConnectionPool<Connection extends PooledConnection> implements InstrumentedPool {
  readonly #options: PoolOptions;
  readonly #connector: Connector<Connection>;
  readonly #upkeep: Upkeep;
  readonly #slots = new Map<Connection, Slot<Connection>>();
  readonly #line: WaitingLine<Use, Slot<Connection>>;
  /** The transactions on exclusive connections. */
  readonly #exclusiveWork = new Set<Promise<unknown>>();
  /** The connection that this turn's point queries share. */
  #gathering: Slot<Connection> | undefined;
  /** The busy connection that this turn's writes share, and how many there are. */
  #packet: { readonly slot: Slot<Connection>; writes: number } | undefined;
  #observer: PoolObserver | undefined;
  #isClosing = false;
  /** Aborts the opening of connections when the pool is closed. */
  readonly #closed = new AbortController();

  /** @param open opens a connection; an abort leaves none */
  constructor(open: (signal: AbortSignal) => Promise<Connection>, options: PoolOptions) {
    this.#options = options;
    this.#line = new WaitingLine(options.maxWaiting, "callers wait for a connection");
    this.#upkeep = new Upkeep(this.#slots, () => this.#admitWaiting());
    this.#connector = new Connector(() => open(this.#closed.signal), options.poolSize, {
      open: () => this.#slots.size,
      wanted: () => this.#line.waiting.length,
      opened: (connection) => this.#opened(connection),
      failed: (error, isLast) => this.#failed(error, isLast),
    });
  }

  get usage(): PoolUsage {
    let used = 0;
    for (const { isExclusive, connection } of this.#slots.values()) {
      if (isExclusive || connection.activity.running > 0) used++;
    }
    return { size: this.#connector.limit, used, idle: this.#slots.size - used, waiting: this.#line.waiting.length };
  }

  observe(observer: PoolObserver): void {
    this.#observer = observer;
  }

  /**
   * Runs one statement on a connection that others may share.
   * @param requester leaves the queue when it disconnects
   * @param isRerun whether it was started before, so that it runs even while the pool is being closed
   * @throws UnavailableError when no connection is free in time, or too many callers wait; what `open` throws; the reason of an abort
   */
  shared<Result>(
    use: StatementKind,
    statement: (connection: Connection) => Promise<Result>,
    requester?: Requester,
    isRerun = false,
  ): Promise<Result> {
    if (this.#isClosing && !isRerun) return Promise.reject(closedError());
    const slot = this.#line.waiting.length === 0 ? this.#slotFor(use) : undefined;
    if (slot !== undefined) return this.#share(slot, use, statement, 0);
    const begun = performance.now();
    const run = (admitted: Slot<Connection>) => this.#share(admitted, use, statement, performance.now() - begun);
    return this.#wait(use, run, this.#options.acquireTimeout, requester?.signal);
  }

  /**
   * Runs `work` on a connection that no other caller uses at the same time.
   * @throws UnavailableError when no connection is free in time, or too many callers wait; what `open` throws; the reason of an abort
   */
  async exclusive<Result>(
    work: (connection: Connection) => Promise<Result>,
    { signal, requester }: Pick<CallOptions, "signal" | "requester"> = {},
  ): Promise<Result> {
    if (this.#isClosing) throw closedError();
    const begun = performance.now();
    const deadline = begun + this.#options.acquireTimeout;
    const admitted = async (slot: Slot<Connection>) => slot;
    const within = <Outcome>(wait: (remaining: number, either: AbortSignal | undefined) => Promise<Outcome>) =>
      withEitherSignal(signal, requester?.signal, (either) => wait(Math.max(0, deadline - performance.now()), either));
    for (;;) {
      const free = this.#line.waiting.length === 0 ? this.#leastBusy("transaction") : undefined;
      const held = free ?? (await within((left, either) => this.#wait("transaction", admitted, left, either)));
      const { connection } = held;
      held.isExclusive = true;
      let working: Promise<Result> | undefined;
      try {
        // Earlier statements complete first: a BEGIN after many of them could be left idle (porsager/postgres #1189).
        if (connection.activity.running > 0) {
          await within((left, either) => this.#untilIdle(connection, left, either));
        }
        if (connection.isAlive) {
          this.#observer?.acquired(performance.now() - begun);
          working = work(connection);
          this.#exclusiveWork.add(working);
          return await working;
        }
      } finally {
        if (working !== undefined) this.#exclusiveWork.delete(working);
        connection.released();
        held.isExclusive = false;
        if (held.isReplaced) connection.retire();
        if (!connection.isAlive) this.#slots.delete(connection);
        this.#admitWaiting();
      }
    }
  }

  /** Removes a connection that accepts no more statements. */
  lost(connection: Connection, reason: LossReason): void {
    const slot = this.#slots.get(connection);
    // One that a transaction holds, or that finishes its statements, leaves only afterwards, so that the pool's size is never
    // exceeded.
    if (slot?.isExclusive === false) {
      const { activity } = connection;
      if (reason === "retired" && activity.running > 0) void activity.idle().then(() => this.#remove(connection));
      else this.#remove(connection);
    }
    if (reason === "dead") this.#upkeep.testIdle();
  }

  /** Replaces all connections that were opened before `time`, by `performance.now()`. */
  replaceOpenedBefore(time: number): void {
    for (const slot of [...this.#slots.values()]) {
      if (slot.connection.openedAt >= time) continue;
      if (slot.isExclusive) slot.isReplaced = true;
      else slot.connection.retire();
    }
  }

  /** Lets running work finish, for at most `timeout` milliseconds, then closes every connection. */
  async close(timeout: number): Promise<void> {
    this.#isClosing = true;
    await Promise.race([this.#allIdle(), delay(timeout, undefined, { ref: false })]);
    this.#closed.abort(closedError());
    this.#connector.stop();
    this.#upkeep.stop();
    this.#line.refuseAll(closedError());
    await Promise.all([...this.#slots.keys()].map((connection) => connection.close()));
    this.#slots.clear();
    this.#observer?.closed();
  }

  #share<Result>(
    slot: Slot<Connection>,
    use: Use,
    statement: (connection: Connection) => Promise<Result>,
    waited: number,
  ): Promise<Result> {
    this.#observer?.acquired(waited);
    if (use === "write") slot.writes++;
    const settled = () => {
      if (use === "write") slot.writes--;
      if (this.#line.waiting.length > 0) this.#admitWaiting();
    };
    const result = statement(slot.connection);
    result.then(settled, settled);
    return result;
  }

  #slotFor(use: Use): Slot<Connection> | undefined {
    if (use === "write") return this.#slotForWrite();
    if (use !== "point") return this.#leastBusy(use);
    const gathering = this.#gathering;
    if (gathering?.isUsable && gathering.writes === 0) {
      const { running, isBlocked } = gathering.connection.activity;
      if (running < Math.min(GATHERED_QUERIES, this.#options.pipelineDepth) && !isBlocked) return gathering;
    }
    const slot = this.#leastBusy(use);
    if (slot === undefined || slot.connection.activity.running > 0) return slot;
    // postgres.js sends the statements of a turn at its end.
    if (gathering === undefined) {
      setImmediate(() => {
        this.#gathering = undefined;
      });
    }
    this.#gathering = slot;
    return slot;
  }

  /** An idle connection; if there is none, the one of this turn's other writes, as far as they fit into its packet. */
  #slotForWrite(): Slot<Connection> | undefined {
    const slot = this.#leastBusy("write");
    if (slot === undefined || slot.connection.activity.running === 0) return slot;
    const packet = this.#packet;
    if (packet !== undefined && packet.writes < GATHERED_WRITES && packet.slot.isUsable) {
      const { running, isBlocked } = packet.slot.connection.activity;
      if (running < this.#options.pipelineDepth && !isBlocked) {
        packet.writes++;
        return packet.slot;
      }
    }
    if (packet === undefined) {
      setImmediate(() => {
        this.#packet = undefined;
      });
    }
    this.#packet = { slot, writes: 1 };
    return slot;
  }

  /** An idle connection; if there is none and none can be opened, the least busy one with room. */
  #leastBusy(use: Use): Slot<Connection> | undefined {
    const { pipelineDepth } = this.#options;
    const isRead = use !== "write" && use !== "transaction";
    let least: Slot<Connection> | undefined;
    let leastRank = use === "transaction" ? Number.POSITIVE_INFINITY : 2 * pipelineDepth;
    for (const slot of this.#slots.values()) {
      if (!slot.isUsable) continue;
      const { running, lastProgress, isBlocked } = slot.connection.activity;
      if (running === 0) {
        if (!this.#upkeep.isStale(lastProgress)) return slot;
        this.#upkeep.test(slot);
        continue;
      }
      if (running >= pipelineDepth && use !== "transaction") continue;
      // After a write only if there is no other.
      const rank = isRead && slot.writes > 0 ? running + pipelineDepth : running;
      if (rank >= leastRank || isBlocked) continue;
      least = slot;
      leastRank = rank;
    }
    return this.#upkeep.isTesting || this.#connector.isConnecting || this.#connector.mayConnect ? undefined : least;
  }

  #wait<Result>(
    use: Use,
    run: (slot: Slot<Connection>) => Promise<Result>,
    milliseconds: number,
    signal?: AbortSignal,
  ): Promise<Result> {
    if (this.#closed.signal.aborted) return Promise.reject(closedError());
    const result = this.#line.wait(use, run, milliseconds, () => this.#timeOut(), signal);
    this.#connector.grow();
    return result;
  }

  async #untilIdle({ activity }: Connection, milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    await withinTime(activity.idle(), milliseconds, signal, () => this.#timeOut());
  }

  #timeOut(): UnavailableError {
    this.#observer?.timedOut();
    const { lastError, limit } = this.#connector;
    const sentence = `No connection was free within ${this.#options.acquireTimeout} ms.`;
    const why =
      limit < this.#options.poolSize
        ? `The server gives no more than ${limit} connections: lower poolSize, or raise its limit.`
        : this.#slots.size < limit
          ? "Opening one takes longer than that: check that the server responds, or raise acquireTimeout."
          : "Try again later, or raise poolSize.";
    return new UnavailableError(`${sentence} ${why}`, { cause: lastError });
  }

  #admitWaiting(): void {
    for (let waiter = this.#line.waiting[0]; waiter !== undefined; waiter = this.#line.waiting[0]) {
      if (this.#closed.signal.aborted) return;
      const slot = this.#leastBusy(waiter.purpose);
      if (slot === undefined) break;
      // Marked at once, since the waiter continues only in a later microtask.
      if (waiter.purpose === "transaction") slot.isExclusive = true;
      waiter.admit(slot);
    }
    this.#connector.grow();
  }

  #remove(connection: Connection): void {
    this.#slots.delete(connection);
    this.#admitWaiting();
  }

  #opened(connection: Connection): void {
    if (this.#closed.signal.aborted) return void connection.close();
    if (connection.isAlive) this.#slots.set(connection, new Slot(connection, this.#options.maxLifetime));
    this.#upkeep.begin(this.#options.idleTimeout, this.#options.maxLifetime);
    this.#admitWaiting();
  }

  /** Callers are rejected only if no connection is open or being opened. */
  #failed(error: unknown, isLast: boolean): void {
    if (isLast && this.#slots.size === 0) this.#line.refuseAll(error);
    this.#admitWaiting();
  }

  async #allIdle(): Promise<void> {
    do {
      await this.#line.empty();
      await Promise.allSettled(this.#exclusiveWork);
      await Promise.all([...this.#slots.keys()].map(({ activity }) => activity.idle()));
      // A rejected statement is run again, after its connection has become idle.
      await nextTurn();
    } while (this.#line.waiting.length > 0 || this.usage.used > 0);
  }
}
