import postgres from "postgres";
import type { SqlConnection, SqlParameter, SqlResult } from "../../session/driver.ts";
import {
  connectionClosed,
  databaseErrorFacts,
  isConnectionLoss,
  isStalePlan,
  isStaleStatement,
  loginError,
  staleStatement,
} from "../../session/postgres-errors.ts";
import { limitWait } from "../../session/waiting/deadline.ts";
import { abortable, cancelUntilSettled } from "./cancel-request.ts";
import type { ConnectionSettings } from "./connection-settings.ts";
import { Activity } from "./pool/activity.ts";
import type { LossReason } from "./pool/slot.ts";
import { PreparedStatements } from "./prepared-statements.ts";
import {
  isResendError,
  isSent,
  processOf,
  refusalOf,
  SentOnce,
  type ServerProcess,
  wasPrepared,
} from "./resend-fence.ts";
import { SingleSocket } from "./single-socket.ts";

/** Instants are text on both sides: a `Date` would drop their microseconds. */
const types = {
  instant: { to: 1184, from: [1184], serialize: (text: string) => text, parse: (text: string) => text },
};

/** The listeners of a connection. */
export interface ConnectionEvents {
  /** Called once, when it accepts no more statements. */
  onLost(connection: PostgresConnection, reason: LossReason): void;
  /** Called with the error of a statement that the server rejected before it did anything. */
  onRefused(connection: PostgresConnection, error: unknown): unknown;
}

/**
 * One connection to PostgreSQL: a postgres.js client of its own with a single connection and a single socket, which knows when
 * that is lost, and is never used again then. What it fences off is listed in docs/decisions.md.
 */
export class PostgresConnection implements SqlConnection {
  readonly openedAt = performance.now();
  readonly #client: postgres.Sql;
  readonly #settings: ConnectionSettings;
  readonly #events: ConnectionEvents;
  readonly #statements = new PreparedStatements();
  readonly #activity = new Activity(() => this.#endUnresponsive());
  readonly #socket: SingleSocket;
  #server: ServerProcess | undefined;
  #isAlive = true;
  #lossCause: unknown;
  #transaction: { readonly isReadOnly: boolean } | undefined;
  /** The transaction's own listener. */
  #onLost: (() => void) | undefined;
  /** Whether it is being replaced: unsent statements can run on another connection. */
  #isRetired = false;
  /** The statements handed to postgres.js that have not settled. */
  readonly #queries = new Set<PromiseLike<unknown> & { cancel(): void }>();
  /** Those of them that were withdrawn unsent. */
  readonly #withdrawn = new WeakSet<PromiseLike<unknown>>();

  private constructor(settings: ConnectionSettings, events: ConnectionEvents) {
    this.#settings = settings;
    this.#events = events;
    this.#socket = new SingleSocket(settings.openSocket);
    const options = {
      types,
      connection: { ...settings.parameters },
      prepare: settings.prepare,
      max: 1,
      // TLS, time-outs and keep-alive belong to the socket.
      ssl: false,
      connect_timeout: 0,
      keep_alive: 0,
      fetch_types: false,
      idle_timeout: 0,
      max_lifetime: null,
      onnotice: () => undefined,
      onclose: () => this.#lose("dead"),
      // Documented, and missing in the types.
      socket: () => this.#socket.open(),
    };
    this.#client = postgres(settings.url, options);
  }

  /**
   * Connects, logs in and runs the settings' script.
   * @throws the server's or the socket's error; one with the code `CONNECT_TIMEOUT` when that takes too long; the reason of an
   *   abort
   */
  static async open(
    settings: ConnectionSettings,
    events: ConnectionEvents,
    signal: AbortSignal,
  ): Promise<PostgresConnection> {
    signal.throwIfAborted();
    const connection = new PostgresConnection(settings, events);
    const abandon = (error: unknown) => connection.#abandon(error);
    const stopWatching = limitWait(settings.connectTimeout, signal, connectTimeoutError, abandon);
    try {
      connection.#server = processOf(await connection.#runScript());
      connection.setResponseTimeout(settings.responseTimeout);
      if (connection.#isAlive) return connection;
      throw connectionClosed(undefined);
    } catch (error) {
      connection.#abandon(error);
      throw loginError(connection.#lossCause);
    } finally {
      stopWatching();
    }
  }

  /** Behind a pooler a cancel request for what another client ran may arrive late, and hit this. */
  async #runScript(): Promise<readonly unknown[]> {
    const run = () => this.#client.unsafe(this.#settings.script).simple();
    try {
      return await run();
    } catch (error) {
      if (isCancelled(error)) return run();
      throw error;
    }
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  get lossCause(): unknown {
    return this.#lossCause;
  }

  /** Whether it should be replaced when nothing runs on it. */
  get isWornOut(): boolean {
    return this.#statements.isWornOut;
  }

  onLost(listener: (() => void) | undefined): void {
    this.#onLost = listener;
  }

  drop(cause: unknown): void {
    this.#lossCause ??= cause;
    this.#lose("aborted");
    void this.#end();
  }

  get running(): number {
    return this.#activity.running;
  }

  get isBlocked(): boolean {
    return this.#activity.isBlocked;
  }

  /** When it was last used, by `performance.now()`. */
  get lastUsed(): number {
    return this.#activity.lastProgress;
  }

  /**
   * Milliseconds for which the server may send nothing while statements run; then the connection counts as lost. The
   * server's own time-outs come first; this is for a server that hangs, or a network that drops packets. 0 is no limit.
   */
  setResponseTimeout(milliseconds: number): void {
    this.#activity.responseTimeout = milliseconds;
  }

  /** @param rerun runs it on another connection, where the server has refused it before it did anything; by default it rejects */
  async execute(
    text: string,
    parameters: readonly SqlParameter[],
    signal?: AbortSignal,
    rerun?: () => Promise<SqlResult>,
  ): Promise<SqlResult> {
    const { prepare } = this.#settings;
    // With no parameters postgres.js would take the simple protocol, which is never prepared.
    const options = { prepare, simple: false };
    const sent = prepare ? (this.#statements.find(text) ?? this.#prepare(text)) : text;
    const query = this.#client.unsafe<Record<string, unknown>[]>(sent, SentOnce.copy(parameters), options).values();
    this.#activity.started();
    this.#queries.add(query);
    try {
      const cancel = () => void this.#cancel(query, signal?.reason);
      const rows = await (signal === undefined ? query : abortable(query, signal, cancel));
      return { rows };
    } catch (error) {
      const reported = this.#examined(query, error);
      if (rerun !== undefined && isStaleStatement(reported)) return rerun();
      throw reported;
    } finally {
      this.#queries.delete(query);
      this.#activity.settled();
    }
  }

  async executeScript(text: string): Promise<void> {
    this.#activity.started();
    try {
      await this.#client.unsafe(text).simple();
    } catch (error) {
      this.#loseIfLost(error);
      throw error;
    } finally {
      this.#activity.settled();
    }
  }

  /** Runs `work`, a transaction on this connection: nothing of the connection's own is sent meanwhile. */
  async inTransaction<Result>(isReadOnly: boolean, work: () => Promise<Result>): Promise<Result> {
    this.#transaction = { isReadOnly };
    try {
      return await work();
    } finally {
      this.#transaction = undefined;
    }
  }

  /** Whether the server responds within `milliseconds`; a connection that does not is lost. */
  async isAnswering(milliseconds: number): Promise<boolean> {
    const usual = this.#activity.responseTimeout;
    this.setResponseTimeout(milliseconds);
    await this.executeScript("select 1").catch(() => this.#lose("dead"));
    this.setResponseTimeout(usual);
    return this.#isAlive;
  }

  idle(): Promise<void> {
    return this.#activity.idle();
  }

  /** Accepts no more statements, and closes when the running ones have settled. */
  retire(): void {
    this.#lose("retired");
  }

  /** Closes the connection; what still runs on it is rolled back by the server, and rejects. */
  async close(): Promise<void> {
    this.#isAlive = false;
    this.#onLost?.();
    await this.#end();
  }

  #prepare(text: string): string {
    const sent = this.#statements.add(text);
    if (this.#statements.hasEvicted && this.#transaction === undefined) {
      this.executeScript(this.#statements.deallocation()).catch(() => this.retire());
    }
    return sent;
  }

  /**
   * Has the server cancel the query, as far as it can be reached, and closes the connection: a cancel request names a
   * connection, not a statement, and may arrive late.
   */
  async #cancel(query: PromiseLike<unknown>, reason: unknown): Promise<void> {
    this.#lossCause = reason;
    this.#isAlive = false;
    this.#notifyLost("aborted");
    await cancelUntilSettled(query, this.#server, this.#settings.openSocket);
    await this.#end();
  }

  /** Returns the error to report for a failed statement, and closes the connection if the failure demands it. */
  #examined(query: PromiseLike<unknown>, error: unknown): unknown {
    // If it was rejected before it was withdrawn, that error is the better one.
    if (this.#withdrawn.has(query) && isCancelled(error)) return this.#unsentError();
    const cause = isResendError(error) ? refusalOf(query) : error;
    // postgres.js passes on some rejections of a stale plan.
    const isStale = isResendError(error) || (wasPrepared(query) && isStalePlan(error));
    if (!isStale && !this.#isReadOnlyServer(error)) {
      this.#loseIfLost(error);
      return error;
    }
    this.#lossCause ??= cause;
    this.#lose("retired");
    return this.#events.onRefused(this, cause);
  }

  /** Whether the server accepts no writes; in a transaction that the caller declared read-only, the error does not tell. */
  #isReadOnlyServer(error: unknown): boolean {
    return databaseErrorFacts(error)?.code === "25006" && this.#transaction?.isReadOnly !== true;
  }

  /** The error of a statement that was not sent before its connection was lost. */
  #unsentError(): Error {
    if (this.#isRetired) return staleStatement(this.#lossCause);
    const code = databaseErrorFacts(this.#lossCause)?.code ?? "CONNECTION_CLOSED";
    const message = "The connection was lost before the statement was sent.";
    return Object.assign(new Error(message, { cause: this.#lossCause }), { code });
  }

  /**
   * The server announces the end of a connection before the socket closes. A statement sent in between would get no
   * response.
   */
  #loseIfLost(error: unknown): void {
    const code = databaseErrorFacts(error)?.code;
    if (code === undefined || !isConnectionLoss(code)) return;
    this.#lossCause ??= error;
    this.#lose("dead");
  }

  #lose(reason: LossReason): void {
    if (!this.#isAlive) return;
    this.#isAlive = false;
    this.#isRetired = reason === "retired";
    this.#withdrawUnsent();
    this.#notifyLost(reason);
    void this.idle().then(() => this.#end());
  }

  #notifyLost(reason: LossReason): void {
    this.#events.onLost(this, reason);
    this.#onLost?.();
  }

  /**
   * Withdraws the statements that wait in postgres.js, which would send them on another connection, or never: they wait for the result
   * of a statement that {@link SentOnce} has stopped.
   */
  #withdrawUnsent(): void {
    for (const query of this.#queries) {
      if (isSent(query)) continue;
      this.#withdrawn.add(query);
      // At once, since it was not sent.
      query.cancel();
    }
  }

  #endUnresponsive(): void {
    this.#lose("dead");
    this.#socket.destroy();
    void this.#end();
  }

  #abandon(reason: unknown): void {
    this.#lossCause ??= reason;
    this.#isAlive = false;
    void this.#end();
  }

  /** Ends the client at once; what has not settled rejects. */
  async #end(): Promise<void> {
    this.#socket.stopOpening(this.#lossCause);
    await this.#client.end({ timeout: 0 });
    this.#socket.close();
  }
}

/** Whether this is postgres.js's error of a query that was cancelled. */
function isCancelled(error: unknown): boolean {
  return databaseErrorFacts(error)?.code === "57014";
}

function connectTimeoutError(): Error {
  return Object.assign(new Error("The server did not accept the login in time."), { code: "CONNECT_TIMEOUT" });
}
