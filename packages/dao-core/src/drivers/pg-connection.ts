import { hash } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { CallOptions } from "../contract/call-options.ts";
import { UnavailableError } from "../contract/errors.ts";
import type { SqlConnection, SqlParameter, SqlResult } from "../session/driver.ts";
import { ABORT_GRACE, LOST_STATEMENTS_INTERVAL } from "../session/limits.ts";
import {
  connectionClosed,
  databaseErrorFacts,
  isConnectionLoss,
  isStalePlan,
  staleStatement,
} from "../session/postgres-errors.ts";

import { onAbort, throwIfAborted, withEitherSignal } from "../session/waiting/deadline.ts";
import { type HostPgClient, type PgQuery, type PgResult, pgTypes } from "./pg-client.ts";

/** The part of an application's `pg.Pool` that is used. */
export interface HostPgPool {
  connect(): Promise<HostPgPoolClient>;
  /** Creates the pool's clients from `options`; a probe opens one more if all are in use. */
  readonly Client?: new (
    options: object,
  ) => HostPgPoolClient & { connect(): Promise<unknown>; end(): Promise<void> };
  /** As the application gave them; `max` is the most clients. */
  readonly options?: { readonly max?: number };
  /** Clients that are open and not in use. */
  readonly idleCount?: number;
  /** Clients that are open. */
  readonly totalCount?: number;
}

/** The part of a checked-out client that is used. */
export interface HostPgPoolClient extends HostPgClient {
  /** The server process behind it. */
  readonly processID?: number | null | undefined;
  /** Returns it to its pool, which drops it if there was an `error`. */
  release(error?: Error): void;
}

/** SQLSTATE: read-only transaction. */
const READ_ONLY = "25006";

/** An application's pool, and the state that its clients share. */
export interface PgClients {
  readonly pool: HostPgPool;
  /** Whether statements are prepared. */
  readonly prepare: boolean;
  /** How often prepared statements were found stale: each time, all are prepared again under new names. */
  generation: number;
  /** When a client last lacked a statement prepared on it, by `performance.now()`. */
  lastMissing: number;
  /** Clients first checked out before this time, by `performance.now()`, are not used again. */
  oldest: number;
}

/** When each client was first checked out, by `performance.now()`. */
const firstSeen = new WeakMap<HostPgPoolClient, number>();

/** The names of the statements prepared on each client, by any of our drivers. */
const preparedOn = new WeakMap<HostPgPoolClient, Set<string>>();

/** How a client is used. */
export interface PgUse extends Pick<CallOptions, "signal" | "requester"> {
  /** Whether it is for a transaction that the caller declared read-only. */
  readonly isReadOnly?: boolean | undefined;
}

/** A checked-out client of an application's pool. It notices the loss of its connection; the pool then drops it. */
export class PgConnection implements SqlConnection {
  readonly #clients: PgClients;
  readonly #client: HostPgPoolClient;
  readonly #isReadOnly: boolean;
  #loss: { readonly cause: unknown } | undefined;
  /** Why the pool must drop this client, though it is alive. */
  #misfit: { readonly cause: unknown } | undefined;
  #onLost: (() => void) | undefined;
  #isReleased = false;
  // A checked-out client has no listener of its pool: its error would end the process.
  readonly #onError = (error: Error) => this.#lose(error);

  private constructor(clients: PgClients, client: HostPgPoolClient, isReadOnly: boolean) {
    this.#clients = clients;
    this.#client = client;
    this.#isReadOnly = isReadOnly;
    client.on("error", this.#onError);
  }

  /**
   * Runs `work` on a client of the pool, for which it waits as long as the pool allows, or until the signal aborts or the requester is gone.
   * @throws UnavailableError if the pool has none in time
   */
  static async use<Result>(
    clients: PgClients,
    { signal, requester, isReadOnly = false }: PgUse,
    work: (connection: PgConnection) => Promise<Result>,
  ): Promise<Result> {
    const departure = clients.pool.idleCount === 0 ? requester?.signal : undefined;
    const client = await withEitherSignal(signal, departure, (either) => checkOutRecent(clients, either));
    const connection = new PgConnection(clients, client, isReadOnly);
    try {
      return await work(connection);
    } finally {
      connection.#release();
    }
  }

  get isAlive(): boolean {
    return this.#loss === undefined;
  }

  get lossCause(): unknown {
    return this.#loss?.cause;
  }

  onLost(listener: (() => void) | undefined): void {
    this.#onLost = listener;
  }

  /** The pool ends a client that is returned with an error, and its running statements reject. */
  drop(cause: unknown): void {
    this.#lose(cause);
    this.#release();
  }

  /**
   * @throws {@link staleStatement} for one whose plan is stale; the client is then dropped when it is given back, and so it is
   *   where the server takes no writes
   */
  async execute(
    text: string,
    parameters: readonly SqlParameter[],
    signal?: AbortSignal,
    isPrepared = this.#clients.prepare,
  ): Promise<SqlResult> {
    throwIfAborted(signal);
    const values = [...parameters];
    if (!isPrepared) return this.#run({ text, values, rowMode: "array", types: pgTypes }, signal);
    const { generation } = this.#clients;
    const name = statementName(text, generation);
    const prepared = preparedOn.get(this.#client) ?? new Set();
    preparedOn.set(this.#client, prepared);
    try {
      const result = await this.#run({ name, text, values, rowMode: "array", types: pgTypes }, signal);
      prepared.add(name);
      return result;
    } catch (error) {
      if (!isStalePlan(error)) prepared.add(name);
      else if (prepared.has(name)) throw this.#stale(error, generation);
      throw error;
    }
  }

  async executeScript(text: string): Promise<void> {
    await this.#query({ text, rowMode: "array", types: pgTypes });
  }

  async #run(statement: PgQuery, signal: AbortSignal | undefined): Promise<SqlResult> {
    const query = this.#query(statement);
    return signal === undefined ? query : this.#abortable(query, signal);
  }

  async #query(query: PgQuery): Promise<PgResult> {
    try {
      return await this.#client.query(query);
    } catch (error) {
      const code = databaseErrorFacts(error)?.code;
      if (code === READ_ONLY && !this.#isReadOnly) this.#misfit = { cause: error };
      if (code !== undefined && !isConnectionLoss(code)) throw error;
      // Errors of pg itself have no code: a connection that ended, or a time-out after which the result may yet come.
      this.#lose(error);
      if (code !== undefined) throw error;
      throw connectionClosed(error);
    }
  }

  /** The error of a statement that was rejected as stale. If statements keep getting lost, the caller must change a setting. */
  #stale(error: unknown, generation: number): unknown {
    const clients = this.#clients;
    this.#misfit = { cause: error };
    // The pool's other clients have the same statements, perhaps with the same plans.
    if (clients.generation === generation) clients.generation++;
    if (databaseErrorFacts(error)?.code === "26000") {
      const isAgain = performance.now() - clients.lastMissing < LOST_STATEMENTS_INTERVAL;
      clients.lastMissing = performance.now();
      if (isAgain) return error;
    }
    return staleStatement(error);
  }

  /** Waits for a query until it settles; after an abort {@link ABORT_GRACE} longer, in case it was done already. */
  #abortable(query: Promise<PgResult>, signal: AbortSignal): Promise<PgResult> {
    return new Promise((resolve, reject) => {
      const stopListening = onAbort(signal, () => {
        this.#lose(signal.reason);
        this.#cancel(query).finally(() => reject(signal.reason));
      });
      query.finally(stopListening).then(resolve, (error: unknown) => reject(signal.aborted ? signal.reason : error));
    });
  }

  /**
   * Has the server cancel what runs, over another client. Never behind a proxy, for which nothing is prepared: the process
   * that it names is not the server's, and it cancels by itself when its client goes.
   */
  async #cancel(query: Promise<unknown>): Promise<void> {
    const processId = this.#client.processID;
    if (!this.#clients.prepare || typeof processId !== "number") return;
    const settled = new AbortController();
    const settle = () => settled.abort();
    const whenSettled = query.then(settle, settle);
    const cancelling = PgConnection.use(this.#clients, { signal: settled.signal }, (connection) =>
      connection.executeScript(`select pg_cancel_backend(${processId})`),
    );
    const done = cancelling.catch(() => undefined).then(() => whenSettled);
    await Promise.race([done, delay(ABORT_GRACE, undefined, { ref: false })]);
    // A pool without a free client may have one later, when the server process may run another's statement.
    settle();
  }

  #lose(cause: unknown): void {
    if (this.#loss !== undefined) return;
    this.#loss = { cause };
    this.#onLost?.();
  }

  #release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    const reason = this.#loss ?? this.#misfit;
    if (reason === undefined) this.#client.release();
    else this.#client.release(new Error("The connection was lost, or is not to be used again.", reason));
    // From here on, the pool listens.
    this.#client.removeListener("error", this.#onError);
  }
}

/** Within a generation, a name stands for one text, as `pg` requires. */
function statementName(text: string, generation: number): string {
  return `flux_${hash("sha256", `${generation} ${text}`, "base64url").slice(0, 22)}`;
}

/** A client that need not be replaced. */
async function checkOutRecent(clients: PgClients, signal: AbortSignal | undefined): Promise<HostPgPoolClient> {
  for (;;) {
    const client = await checkOut(clients.pool, signal);
    const since = firstSeen.get(client) ?? performance.now();
    firstSeen.set(client, since);
    if (since >= clients.oldest) return client;
    client.release(new Error("The server behind this connection took no writes."));
  }
}

async function checkOut(pool: HostPgPool, signal: AbortSignal | undefined): Promise<HostPgPoolClient> {
  signal?.throwIfAborted();
  try {
    const connecting = pool.connect();
    return signal === undefined ? await connecting : await abortable(connecting, signal);
  } catch (error) {
    if (signal?.aborted === true || databaseErrorFacts(error) !== undefined) throw error;
    const reason = error instanceof Error ? ` (${error.message})` : "";
    throw new UnavailableError(`The application's pool gave no connection${reason}. Try again later.`, {
      cause: error,
    });
  }
}

/** A pool cannot cancel a wait: a client that comes too late is returned at once. */
function abortable(connecting: Promise<HostPgPoolClient>, signal: AbortSignal): Promise<HostPgPoolClient> {
  return new Promise((resolve, reject) => {
    const stopListening = onAbort(signal, () => {
      reject(signal.reason);
      connecting.then(
        (client) => client.release(),
        () => undefined,
      );
    });
    connecting.then(
      (client) => {
        if (signal.aborted) return;
        stopListening();
        resolve(client);
      },
      (error: unknown) => {
        stopListening();
        reject(error);
      },
    );
  });
}
