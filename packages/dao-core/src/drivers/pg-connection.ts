import { createHash } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { UnavailableError } from "../contract/errors.ts";
import type { SqlParameter, SqlResult, SqlRow } from "../session/driver.ts";
import { connectionClosed, databaseErrorFacts, isConnectionLoss } from "../session/postgres-errors.ts";
import type { SqlConnection } from "../session/transaction.ts";

/** What of a host's `pg.Pool` is used. */
export interface HostPgPool {
  connect(): Promise<HostPgClient>;
  /** With `options` what it makes its clients by; a probe opens one more where all are in use. */
  readonly Client?: new (
    options: object,
  ) => HostPgClient & { connect(): Promise<unknown>; end(): Promise<void> };
  /** As the application gave them; `max` is the most clients. */
  readonly options?: { readonly max?: number };
  /** Clients that are open and not in use. */
  readonly idleCount?: number;
  /** Clients that are open. */
  readonly totalCount?: number;
}

/** What of a client that its pool gave out is used. */
export interface HostPgClient {
  /** The server process behind it. */
  readonly processID?: number | null | undefined;
  query(query: PgQuery): Promise<PgAnswer>;
  /** Gives it back to its pool, which drops it when there was an `error`. */
  release(error?: Error): void;
  on(event: "error", listener: (error: Error) => void): unknown;
  removeListener(event: "error", listener: (error: Error) => void): unknown;
}

/** A statement as `pg` takes it; one with a name is prepared, once on each client. */
export interface PgQuery {
  readonly name?: string;
  readonly text: string;
  readonly values?: SqlParameter[];
  readonly rowMode: "array";
  readonly types: { getTypeParser(oid: number): (value: string) => unknown };
}

/** What `pg` answers. */
export interface PgAnswer {
  readonly rows: readonly SqlRow[];
  readonly rowCount: number | null;
}

/** Milliseconds for which an aborted statement may still say how it ended. */
const ABORT_GRACE = 1_000;

const identity = (text: string) => text;
const parsers: ReadonlyMap<number, (text: string) => unknown> = new Map<number, (text: string) => unknown>([
  [16, (text) => text === "t"],
  ...[21, 23, 26, 700, 701].map((oid) => [oid, Number] as const),
]);

/**
 * Ours alone, whatever the host has set on `pg.types` or its pool: numbers and truth values as such, everything else as
 * text, which the row mappers read.
 */
const types = { getTypeParser: (oid: number) => parsers.get(oid) ?? identity };

/** A client of a host's pool, checked out: it knows when its connection is lost, and is dropped by the pool then. */
export class PgConnection implements SqlConnection {
  readonly #pool: HostPgPool;
  readonly #client: HostPgClient;
  readonly #prepare: boolean;
  #loss: { readonly cause: unknown } | undefined;
  // A client that is checked out has no listener of its pool's: its error would end the process.
  readonly #onError = (error: Error) => this.#lose(error);

  private constructor(pool: HostPgPool, client: HostPgClient, prepare: boolean) {
    this.#pool = pool;
    this.#client = client;
    this.#prepare = prepare;
    client.on("error", this.#onError);
  }

  /**
   * Runs `work` on a client of the pool, for which it waits as long as the pool does, or until the signal aborts.
   * @throws UnavailableError when the pool gives none
   */
  static async use<Result>(
    pool: HostPgPool,
    prepare: boolean,
    signal: AbortSignal | undefined,
    work: (connection: PgConnection) => Promise<Result>,
  ): Promise<Result> {
    const connection = new PgConnection(pool, await checkOut(pool, signal), prepare);
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

  async execute(text: string, parameters: readonly SqlParameter[], signal?: AbortSignal): Promise<SqlResult> {
    signal?.throwIfAborted();
    const name = this.#prepare ? { name: statementName(text) } : {};
    const query = this.#query({ ...name, text, values: [...parameters], rowMode: "array", types });
    const { rows, rowCount } = signal === undefined ? await query : await this.#abortable(query, signal);
    return { rows, count: rowCount ?? rows.length };
  }

  async executeScript(text: string): Promise<void> {
    await this.#query({ text, rowMode: "array", types });
  }

  async #query(query: PgQuery): Promise<PgAnswer> {
    try {
      return await this.#client.query(query);
    } catch (error) {
      const code = databaseErrorFacts(error)?.code;
      if (code !== undefined && !isConnectionLoss(code)) throw error;
      // Errors of pg itself have no code: a connection that ended, or a time-out after which the answer may yet come.
      this.#lose(error);
      if (code !== undefined) throw error;
      throw connectionClosed(error);
    }
  }

  /** Waits for a query until it settles; after an abort {@link ABORT_GRACE} longer, in case it was done already. */
  #abortable(query: Promise<PgAnswer>, signal: AbortSignal): Promise<PgAnswer> {
    return new Promise((resolve, reject) => {
      const abort = () => {
        this.#lose(signal.reason);
        this.#cancel(query).finally(() => reject(signal.reason));
      };
      signal.addEventListener("abort", abort, { once: true });
      query
        .finally(() => signal.removeEventListener("abort", abort))
        .then(resolve, (error: unknown) => reject(signal.aborted ? signal.reason : error));
    });
  }

  /**
   * Has the server cancel what runs, over another client. Never behind a proxy, for which nothing is prepared: the process
   * that it names is not the server's, and it cancels by itself when its client goes.
   */
  async #cancel(query: Promise<unknown>): Promise<void> {
    const processId = this.#client.processID;
    if (!this.#prepare || typeof processId !== "number") return;
    const settled = new AbortController();
    const settle = () => settled.abort();
    const whenSettled = query.then(settle, settle);
    const cancelling = PgConnection.use(this.#pool, false, settled.signal, (connection) =>
      connection.executeScript(`select pg_cancel_backend(${processId})`),
    );
    const done = cancelling.catch(() => undefined).then(() => whenSettled);
    await Promise.race([done, delay(ABORT_GRACE, undefined, { ref: false })]);
    // A pool that is all in use may give a client later, when the process may be another's.
    settle();
  }

  #lose(cause: unknown): void {
    this.#loss ??= { cause };
  }

  #release(): void {
    if (this.#loss === undefined) this.#client.release();
    else this.#client.release(new Error("The connection was lost, or given up.", { cause: this.#loss.cause }));
    // From here on the pool listens.
    this.#client.removeListener("error", this.#onError);
  }
}

/** The same text has the same name, and another text another one: that is what `pg` asks of a name. */
function statementName(text: string): string {
  return `flux_${createHash("sha256").update(text).digest("base64url").slice(0, 22)}`;
}

async function checkOut(pool: HostPgPool, signal: AbortSignal | undefined): Promise<HostPgClient> {
  signal?.throwIfAborted();
  try {
    const connecting = pool.connect();
    return signal === undefined ? await connecting : await abortable(connecting, signal);
  } catch (error) {
    if (signal?.aborted === true || databaseErrorFacts(error) !== undefined) throw error;
    const reason = error instanceof Error ? ` (${error.message})` : "";
    throw new UnavailableError(`The host's pool gave no connection${reason}. Try again later.`, { cause: error });
  }
}

/** A pool cannot be told that nobody waits any more: the client that it gives then goes straight back. */
function abortable(connecting: Promise<HostPgClient>, signal: AbortSignal): Promise<HostPgClient> {
  return new Promise((resolve, reject) => {
    const abort = () => {
      reject(signal.reason);
      connecting.then(
        (client) => client.release(),
        () => undefined,
      );
    };
    signal.addEventListener("abort", abort, { once: true });
    connecting.then((client) => {
      if (signal.aborted) return;
      signal.removeEventListener("abort", abort);
      resolve(client);
    }, reject);
  });
}
