import { setTimeout as delay } from "node:timers/promises";
import postgres from "postgres";
import type { SqlParameter, SqlResult } from "../../session/driver.ts";
import { databaseErrorFacts, isConnectionLoss } from "../../session/postgres-errors.ts";
import type { SqlConnection } from "../../session/transaction-connection.ts";

export type LaneOptions = postgres.Options<Record<string, postgres.PostgresType>>;

/** Milliseconds for which an aborted statement may still say how it ended. */
const ABORT_GRACE = 1_000;

/** Milliseconds without an answer after which a lane on which statements run is stalled. */
const STALLED_AFTER = 100;

/** Milliseconds after which a cancel request that had no effect is sent again. */
const CANCEL_INTERVAL = 50;

/**
 * One connection to PostgreSQL: a postgres.js client of its own with a single connection, which knows when that
 * connection is lost and is never used again then.
 */
export class Lane implements SqlConnection {
  readonly #client: postgres.Sql;
  readonly #prepare: boolean;
  readonly #onLost: (lane: Lane) => void;
  /** Who has it for a transaction, and is told too. */
  #onTransactionLost: (() => void) | undefined;
  #isAlive = true;
  #lossCause: unknown;
  /** What the first statement that heard of the loss was told. */
  #lossCode: string | undefined;
  #running = 0;
  #settledCount = 0;
  /** When the first of the statements that run was sent, or the last one of them was done. */
  #lastProgress = 0;
  #silenceTimeout = 0;
  #silence: NodeJS.Timeout | undefined;
  #whenIdle: (() => void)[] = [];
  /** Statements that postgres.js has, and that have not settled. */
  readonly #queries = new Set<PromiseLike<unknown>>();
  /** Those of them that were taken back unsent. */
  readonly #withdrawn = new WeakSet<PromiseLike<unknown>>();

  /** @param onLost called once, when the connection is gone */
  constructor(url: string, options: LaneOptions, onLost: (lane: Lane) => void) {
    this.#prepare = options.prepare ?? true;
    this.#client = postgres(url, {
      ...options,
      max: 1,
      fetch_types: false,
      idle_timeout: 0,
      max_lifetime: null,
      onnotice: () => undefined,
      onclose: () => this.#lose(),
    });
    this.#onLost = onLost;
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  get lossCause(): unknown {
    return this.#lossCause;
  }

  onLost(listener: (() => void) | undefined): void {
    this.#onTransactionLost = listener;
  }

  drop(cause: unknown): void {
    this.#lossCause ??= cause;
    this.#lose();
    void this.#client.end({ timeout: 0 });
  }

  /** Statements that are on their way. */
  get running(): number {
    return this.#running;
  }

  get isStalled(): boolean {
    return this.#running > 0 && performance.now() - this.#lastProgress > STALLED_AFTER;
  }

  /**
   * Milliseconds for which the server may say nothing while statements run; then the connection is taken for lost. The
   * server's own time-outs come first; this is for a server that hangs, or a network that swallows. 0 is no limit.
   */
  limitSilence(milliseconds: number): void {
    this.#silenceTimeout = milliseconds;
  }

  async execute(text: string, parameters: readonly SqlParameter[], signal?: AbortSignal): Promise<SqlResult> {
    // With no parameters postgres.js would take the simple protocol, which is never prepared.
    const options = { prepare: this.#prepare, simple: false };
    const query = this.#client.unsafe<Record<string, unknown>[]>(text, [...parameters], options).values();
    this.#started();
    this.#queries.add(query);
    try {
      const rows = signal === undefined ? await query : await this.#abortable(query, signal);
      return { rows, count: rows.count };
    } catch (error) {
      this.#loseIfLost(error);
      // It may have been rejected before it was withdrawn, and the reason for that is the better one.
      throw this.#withdrawn.has(query) && isCancelled(error) ? withdrawnError(this.#lossCode) : error;
    } finally {
      this.#queries.delete(query);
      this.#settled();
    }
  }

  async executeScript(text: string): Promise<void> {
    this.#started();
    try {
      await this.#client.unsafe(text).simple();
    } catch (error) {
      this.#loseIfLost(error);
      throw error;
    } finally {
      this.#settled();
    }
  }

  /** Resolves when no statement is on its way. */
  idle(): Promise<void> {
    return this.#running === 0 ? Promise.resolve() : new Promise((resolve) => this.#whenIdle.push(resolve));
  }

  /** Closes the connection; what still runs on it is rolled back by the server, and rejects. */
  async close(): Promise<void> {
    this.#isAlive = false;
    this.#onTransactionLost?.();
    await this.#client.end({ timeout: 0 });
  }

  /**
   * Waits for a query until it settles; after an abort {@link ABORT_GRACE} longer, in case it was done already, or the
   * server cannot be reached. The server's cancel request names a connection, not a statement, and may arrive late: the
   * lane is given up as soon as one is on its way.
   */
  #abortable<Rows>(query: PromiseLike<Rows>, signal: AbortSignal): Promise<Rows> {
    signal.throwIfAborted();
    return new Promise((resolve, reject) => {
      let grace: NodeJS.Timeout | undefined;
      const settle = (end: () => void) => {
        clearTimeout(grace);
        signal.removeEventListener("abort", abort);
        end();
      };
      const abort = () => {
        grace = setTimeout(() => settle(() => reject(signal.reason)), ABORT_GRACE);
        void this.#giveUp(query, signal.reason);
      };
      signal.addEventListener("abort", abort, { once: true });
      query.then(
        (rows) => settle(() => resolve(rows)),
        (error: unknown) => settle(() => reject(signal.aborted ? signal.reason : error)),
      );
    });
  }

  /** Has the server cancel the query, as far as it can be reached, and closes the connection. */
  async #giveUp(query: PromiseLike<unknown>, reason: unknown): Promise<void> {
    this.#lossCause = reason;
    this.#isAlive = false;
    this.#onLost(this);
    this.#onTransactionLost?.();
    let isSettled = false;
    const settle = () => {
      isSettled = true;
    };
    const settled = query.then(settle, settle);
    const end = performance.now() + ABORT_GRACE;
    // One that arrives between two messages of a statement (its parse and its execution) is dropped by the server.
    for (let left = ABORT_GRACE; !isSettled && left > 0; left = end - performance.now()) {
      const again = Promise.all([cancel(query).catch(() => undefined), pause(CANCEL_INTERVAL)]);
      await Promise.race([settled, again, pause(left)]);
    }
    await this.#client.end({ timeout: 0 });
  }

  /**
   * The server says that it ends a connection before the socket closes. A statement handed over in between would make
   * postgres.js connect anew, and hang there until its connect time-out.
   */
  #loseIfLost(error: unknown): void {
    const code = databaseErrorFacts(error)?.code;
    if (code === undefined || !isConnectionLoss(code)) return;
    this.#lossCode ??= code;
    this.#lose();
  }

  #lose(): void {
    if (!this.#isAlive) return;
    this.#isAlive = false;
    this.#withdrawUnsent();
    this.#onLost(this);
    this.#onTransactionLost?.();
    void this.#endWhenIdle();
  }

  /**
   * Takes back what waits in postgres.js. It would send that on another connection, where it goes on counting the rows of
   * an answer that was cut in the middle: the next statement's row is then not the first, and seems to be missing.
   */
  #withdrawUnsent(): void {
    for (const query of this.#queries) {
      if (isSent(query)) continue;
      this.#withdrawn.add(query);
      // At once, since it was not sent: before the client can connect anew.
      void cancel(query);
    }
  }

  #started(): void {
    if (this.#running++ > 0) return;
    this.#lastProgress = performance.now();
    if (this.#silenceTimeout === 0) return;
    this.#silence = setTimeout(() => {
      const settledBefore = this.#settledCount;
      // What has arrived while this process was busy itself is read before the immediate.
      setImmediate(() => {
        if (this.#settledCount === settledBefore) this.#endSilence();
      });
    }, this.#silenceTimeout);
  }

  #endSilence(): void {
    this.#lose();
    void this.#client.end({ timeout: 0 });
  }

  #settled(): void {
    this.#settledCount++;
    this.#running--;
    if (this.#running > 0) {
      this.#lastProgress = performance.now();
      this.#silence?.refresh();
      return;
    }
    clearTimeout(this.#silence);
    this.#silence = undefined;
    const waiting = this.#whenIdle;
    this.#whenIdle = [];
    for (const resolve of waiting) resolve();
  }

  /** Statements that were sent settle when the socket closes, and the client would not hear of it after its end. */
  async #endWhenIdle(): Promise<void> {
    await this.idle();
    await this.#client.end({ timeout: 0 });
  }
}

/** Whether postgres.js has given a query to its connection; until then it has no state. */
function isSent(query: PromiseLike<unknown>): boolean {
  return Boolean(Reflect.get(query, "state"));
}

/** Whether this is what postgres.js says of a query that it was told to drop. */
function isCancelled(error: unknown): boolean {
  return databaseErrorFacts(error)?.code === "57014";
}

/** The error of a statement that was not sent before its connection was lost. */
function withdrawnError(code = "CONNECTION_CLOSED"): Error {
  return Object.assign(new Error("The connection was lost before the statement was sent."), { code });
}

/** Keeps no process alive that has nothing else to do. */
const pause = (milliseconds: number) => delay(milliseconds, undefined, { ref: false });

/**
 * Sends the server's cancel request. The public `cancel()` of postgres.js drops the promise of what it does, which then
 * rejects unhandled where the server takes no new connection.
 */
async function cancel(query: PromiseLike<unknown>): Promise<void> {
  const canceller: unknown = Reflect.get(query, "canceller");
  if (typeof canceller === "function") await Reflect.apply(canceller, query, [query]);
}
