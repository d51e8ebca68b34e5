import type { Socket } from "node:net";
import type postgres from "postgres";
import type { SqlConnection, SqlParameter, SqlResult } from "../../session/driver.ts";
import {
  codedError,
  connectionClosed,
  databaseErrorFacts,
  isLossError,
  isReadOnlyError,
  isStalePlan,
  isStaleStatement,
  loginError,
  staleStatement,
} from "../../session/postgres-errors.ts";
import { limitWait } from "../../session/waiting/deadline.ts";
import { abortable } from "../abortable.ts";
import { type ClientSettings, createClient, processOf, requestCancel, type ServerProcess } from "./client.ts";
import { protocolError } from "./message-check.ts";
import { SingleSocket } from "./open-socket.ts";
import { Activity, type LossReason, type PooledConnection } from "./pool/slot.ts";
import {
  isResendError,
  isSent,
  PreparedStatements,
  refusalOf,
  resultOf,
  sendAtOnce,
  sentOnce,
  wasPrepared,
  withoutGap,
} from "./prepared-statements.ts";
import { type Candidate, type SessionState, stateOf } from "./server-search.ts";

/** How to open a connection. */
export interface ConnectionSettings extends ClientSettings {
  /** Milliseconds for the login and {@link script}. */
  readonly connectTimeout: number;
  /** Milliseconds that the server may be silent while statements run; 0 is no limit. */
  readonly responseTimeout: number;
  /**
   * Whether a transaction's statements are sent without awaiting each other. Not behind a pooler, where a late cancel request of another
   * client may hit a BEGIN.
   */
  readonly pipelines?: boolean;
  /** Run on each new connection. Ends with {@link STATE_QUERY} if the search for a server needs that. */
  readonly script: string;
  /** Of its prepared statements; a greater one once their plans were stale. Default: 0. */
  readonly generation?: number;
  /**
   * Opens the one socket of a connection, TLS included, or that of a cancel request, which must reach the same address of the
   * server; an abort leaves nothing open.
   */
  readonly openSocket: (signal?: AbortSignal, address?: string) => Promise<Socket>;
}

/** The listeners of a connection. */
export interface ConnectionEvents {
  /** Called once, when it accepts no more statements. */
  onLost(connection: PostgresConnection, reason: LossReason): void;
  /** Called with the error of a statement that was rejected before it had any effect; returns the error to report. */
  onRefused(connection: PostgresConnection, error: unknown): unknown;
}

/**
 * One connection to PostgreSQL: a postgres.js client of its own with a single connection and a single socket, never used again
 * once it is lost. docs/decisions.md lists what it protects against.
 */
export class PostgresConnection implements SqlConnection, PooledConnection {
  readonly openedAt = performance.now();
  readonly #client: postgres.Sql;
  readonly #settings: ConnectionSettings;
  readonly #events: ConnectionEvents;
  readonly #statements: PreparedStatements;
  readonly activity = new Activity(() => {
    this.#lose("dead");
    this.#socket.destroy();
    void this.#end();
  });
  readonly #socket: SingleSocket;
  #server: ServerProcess | undefined;
  #state: SessionState | undefined;
  #lossCause: unknown;
  /** Of the transaction that runs on it. */
  #transaction: { readonly isReadOnly: boolean } | undefined;
  onLost: (() => void) | undefined;
  #lossReason: LossReason | undefined;
  /** The statements passed to postgres.js that have not settled. */
  readonly #queries = new Set<PromiseLike<unknown> & { cancel(): void }>();
  /** Those of them that were withdrawn unsent. */
  readonly #withdrawn = new WeakSet<PromiseLike<unknown>>();

  private constructor(settings: ConnectionSettings, events: ConnectionEvents) {
    this.#settings = settings;
    this.#events = events;
    this.#statements = new PreparedStatements(settings.generation);
    this.#socket = new SingleSocket(settings.openSocket);
    this.#client = createClient(settings, { open: () => this.#socket.open(), onclose: () => this.#lose("dead") });
  }

  /**
   * Connects, logs in and runs the settings' script.
   * @throws the server's or the socket's error; one with the code `CONNECT_TIMEOUT` if it takes too long; the reason of an abort
   */
  static async open(
    settings: ConnectionSettings,
    events: ConnectionEvents,
    signal: AbortSignal,
  ): Promise<PostgresConnection> {
    signal.throwIfAborted();
    const connection = new PostgresConnection(settings, events);
    const stopWatching = limitWait(settings.connectTimeout, signal, connectTimeoutError, (error) =>
      connection.drop(error),
    );
    try {
      const results = await connection.#runScript();
      connection.#server = processOf(results);
      connection.#state = stateOf(results);
      connection.activity.responseTimeout = settings.responseTimeout;
      if (connection.isAlive) return connection;
      throw connectionClosed();
    } catch (error) {
      connection.drop(error);
      const cause = connection.#lossCause;
      throw signal.aborted && cause === signal.reason ? cause : loginError(cause);
    } finally {
      stopWatching();
    }
  }

  /** Behind a pooler, a late cancel request for another client's statement may cancel the script. */
  async #runScript(): Promise<readonly unknown[]> {
    const run = () => this.#client.unsafe(this.#settings.script).simple();
    try {
      return await run();
    } catch (error) {
      if (isCancelled(error)) return run();
      throw error;
    }
  }

  get pipelines(): boolean {
    return this.#settings.pipelines === true;
  }

  get isAlive(): boolean {
    return this.#lossReason === undefined;
  }

  get generation(): number {
    return this.#settings.generation ?? 0;
  }

  get server(): Candidate {
    return this.#settings.server;
  }

  get state(): SessionState | undefined {
    return this.#state;
  }

  get lossCause(): unknown {
    return this.#lossCause;
  }

  drop(cause: unknown): void {
    void this.close(cause);
  }

  /** @param rerun runs it on another connection if it was rejected before it had any effect. Default: it rejects */
  async execute(
    text: string,
    parameters: readonly SqlParameter[],
    signal?: AbortSignal,
    rerun?: () => Promise<SqlResult>,
  ): Promise<SqlResult> {
    signal?.throwIfAborted();
    const { prepare } = this.#settings;
    // Without parameters postgres.js would use the simple protocol, which prepares nothing.
    const prepared = prepare ? (this.#statements.find(text) ?? this.#prepare(text)) : undefined;
    const options = { prepare: prepared !== undefined, simple: false };
    const sent = prepared ?? text;
    const query = this.#client.unsafe<Record<string, unknown>[]>(sent, sentOnce(parameters), options).values();
    if (prepared === undefined) sendAtOnce(query);
    this.activity.started();
    this.#queries.add(query);
    try {
      const rows = await (signal === undefined ? resultOf(query) : this.#abortable(query, signal));
      return { rows: withoutGap(rows) };
    } catch (error) {
      const reported = this.#examined(query, error);
      if (rerun !== undefined && isStaleStatement(reported)) return rerun();
      throw reported;
    } finally {
      this.#queries.delete(query);
      this.activity.settled();
      this.#retireIfWornOut();
    }
  }

  executeScript(text: string): Promise<string | undefined> {
    this.activity.started();
    const settled = (error?: unknown) => {
      if (isLossError(error)) this.#lose("dead", error);
      this.activity.settled();
    };
    return resultOf(
      this.#client.unsafe(text).simple(),
      ({ command }): string | undefined => {
        settled();
        return command;
      },
      (error) => {
        settled(error);
        throw error;
      },
    );
  }

  beginWithNext(begin: string, begun: () => void): void {
    this.#socket.leading?.set(begin, begun);
  }

  /** From here until it is {@link released}, it sends no statements but those of a transaction. */
  beginTransaction(isReadOnly: boolean, responseTimeout: number): void {
    this.#transaction = { isReadOnly };
    this.activity.responseTimeout = responseTimeout;
  }

  released(): void {
    this.#transaction = undefined;
    this.#socket.leading?.clear();
    this.activity.responseTimeout = this.#settings.responseTimeout;
    this.#deallocateEvicted();
    this.#retireIfWornOut();
  }

  async isAnswering(milliseconds: number): Promise<boolean> {
    this.activity.responseTimeout = milliseconds;
    await this.executeScript("select 1").catch(() => this.#lose("dead"));
    this.activity.responseTimeout = this.#settings.responseTimeout;
    return this.isAlive;
  }

  retire(): void {
    this.#lose("retired");
  }

  #retireIfWornOut(): void {
    if (this.#statements.isWornOut && this.#transaction === undefined) this.retire();
  }

  /** Closes the connection; running statements reject, and the server rolls them back. */
  async close(cause?: unknown): Promise<void> {
    this.#lose("aborted", cause);
    await this.#end();
  }

  /** @returns `undefined` in a transaction that has many to deallocate at its end */
  #prepare(text: string): string | undefined {
    if (this.#statements.hasEvicted) return undefined;
    const prepared = this.#statements.add(text);
    if (this.#transaction === undefined) this.#deallocateEvicted();
    return prepared;
  }

  #deallocateEvicted(): void {
    if (!this.#statements.hasEvicted || !this.isAlive) return;
    this.executeScript(this.#statements.deallocation()).catch(() => this.retire());
  }

  /**
   * A cancel request names a connection, not a statement, and may arrive late, so the connection is not used again. Of the statements
   * of a transaction, it is for the one that runs, since the server refuses those behind it.
   */
  #abortable<Rows>(query: PromiseLike<Rows>, signal: AbortSignal): Promise<Rows> {
    const cancel = async () => {
      this.#lose("aborted", signal.reason);
      const [running] = this.#queries;
      if (running === query)
        await requestCancel(this.#server, () => this.#settings.openSocket(undefined, this.#socket.address));
    };
    return abortable(resultOf(query), signal, { cancel });
  }

  /** Returns the error to report for a failed statement, and closes the connection if necessary. */
  #examined(query: PromiseLike<unknown>, error: unknown): unknown {
    // A statement that was rejected before it was withdrawn keeps its own error.
    if (this.#withdrawn.has(query) && isCancelled(error)) return this.#unsentError();
    const cause = isResendError(error) ? refusalOf(query) : error;
    // postgres.js does not resend after every rejection of a stale plan.
    const isStale = isResendError(error) || isStalePlan(error, wasPrepared(query));
    // In a transaction that the caller declared read-only, 25006 says nothing about the server.
    const isReadOnlyServer = isReadOnlyError(error) && this.#transaction?.isReadOnly !== true;
    if (isStale || isReadOnlyServer) {
      this.#lose("retired", cause);
      return this.#events.onRefused(this, cause);
    }
    // postgres.js reads as many values as there are columns.
    const isShortRow = databaseErrorFacts(error)?.code === "ERR_OUT_OF_RANGE";
    const found = isShortRow ? protocolError("a row of fewer values than its columns") : error;
    // The server announces the end of a connection before it closes the socket; what is sent in between gets no response.
    if (isLossError(found)) this.#lose("dead", found);
    return found;
  }

  /** The error of a statement that was not sent before its connection was lost. */
  #unsentError(): Error {
    // It can run on another connection.
    if (this.#lossReason === "retired") return staleStatement(this.#lossCause);
    const code = databaseErrorFacts(this.#lossCause)?.code ?? "CONNECTION_CLOSED";
    return codedError(code, "The connection was lost before the statement was sent.", this.#lossCause);
  }

  #lose(reason: LossReason, cause?: unknown): void {
    this.#lossCause ??= cause;
    if (this.#lossReason !== undefined) return;
    this.#lossReason = reason;
    this.#withdrawUnsent();
    this.#events.onLost(this, reason);
    this.onLost?.();
    void this.activity.idle().then(() => this.#end());
  }

  /**
   * Withdraws the statements that wait in postgres.js, which would send them over another connection, or never, as they wait for
   * the result of a statement that {@link sentOnce} has stopped.
   */
  #withdrawUnsent(): void {
    for (const query of this.#queries) {
      if (isSent(query)) continue;
      this.#withdrawn.add(query);
      // Rejects at once, since it was not sent.
      query.cancel();
    }
  }

  /** Ends the client at once; unsettled statements reject. */
  async #end(): Promise<void> {
    this.activity.stop();
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
  return codedError("CONNECT_TIMEOUT", "The server did not accept the login in time.");
}
