import { hash } from "node:crypto";
import type { CallOptions } from "../contract/call-options.ts";
import { UnavailableError } from "../contract/errors.ts";
import { isError } from "../contract/fields/realms.ts";
import type { SqlConnection, SqlParameter, SqlResult, SqlRow } from "../session/driver.ts";
import { LOST_STATEMENTS_INTERVAL } from "../session/limits.ts";
import {
  connectionClosed,
  databaseErrorFacts,
  isLossError,
  isReadOnlyError,
  isStalePlan,
  loginError,
  staleStatement,
} from "../session/postgres-errors.ts";
import { onAbort, throwIfAborted, untilAborted, withEitherSignal } from "../session/waiting/deadline.ts";
import { abortable } from "./abortable.ts";
import { PreparedStatements } from "./postgres/prepared-statements.ts";

/** The part of a `pg` client that is used. */
export interface HostPgClient {
  query(query: PgQuery): Promise<PgResult>;
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

/** What `pg` returns. */
export interface PgResult {
  readonly rows: SqlRow[];
  readonly command?: string;
}

const identity = (text: string) => text;
const parsers: ReadonlyMap<number, (text: string) => unknown> = new Map<number, (text: string) => unknown>([
  [16, (text) => text === "t"],
  ...[21, 23, 26, 700, 701].map((oid) => [oid, Number] as const),
]);

/** Whatever `pg.types` and the pool say: numbers and booleans are parsed, everything else stays text for the row mappers. */
export const pgTypes = { getTypeParser: (oid: number) => parsers.get(oid) ?? identity };

/** The part of an application's `pg.Pool` that is used. */
export interface HostPgPool {
  connect(): Promise<HostPgPoolClient>;
  /** Creates the pool's clients from `options`; a probe opens one more if all are in use. */
  readonly Client?: new (
    options: object,
  ) => HostPgPoolClient & { connect(): Promise<unknown>; end(): Promise<void> };
  /** The application's own; `max` is the maximum number of clients. */
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

/** An application's pool, and the state that its clients share; times are by `performance.now()`. */
export interface PgClients {
  readonly pool: HostPgPool;
  /** Whether statements are prepared. */
  readonly prepare: boolean;
  /** How often prepared statements were found stale: each time, all are prepared again under new names. */
  generation: number;
  /** When a client last lacked one of its prepared statements. */
  lastMissing: number;
  /** Ends the sessions of clients whose server is read-only. */
  readonly replaceConnections: () => void;
}

/** The statements prepared on a client, by any of our drivers. */
interface ClientStatements {
  readonly known: PreparedStatements;
  /** The names that they have had on the server. */
  readonly names: Set<string>;
}

const preparedOn = new WeakMap<HostPgPoolClient, ClientStatements>();

function statementsOn(client: HostPgPoolClient): ClientStatements {
  const statements = preparedOn.get(client) ?? { known: new PreparedStatements(), names: new Set() };
  preparedOn.set(client, statements);
  return statements;
}

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
  /** Why the pool must drop this client even if it is alive. */
  #misfit: { readonly cause: unknown } | undefined;
  onLost: (() => void) | undefined;
  #isReleased = false;
  // A checked-out client has no listener of its pool: its error would end the process.
  readonly #onError = (error: Error) => this.#lose(error);

  private constructor(clients: PgClients, client: HostPgPoolClient, isReadOnly: boolean) {
    this.#clients = clients;
    this.#client = client;
    this.#isReadOnly = isReadOnly;
    client.on("error", this.#onError);
  }

  /** Runs `work` on a client of the pool, unless the caller leaves first. @throws UnavailableError if there is none in time */
  static async use<Result>(
    clients: PgClients,
    { signal, requester, isReadOnly = false }: PgUse,
    work: (connection: PgConnection) => Promise<Result>,
  ): Promise<Result> {
    const departure = clients.pool.idleCount === 0 ? requester?.signal : undefined;
    const client = await withEitherSignal(signal, departure, (either) => checkOut(clients.pool, either));
    const connection = new PgConnection(clients, client, isReadOnly);
    try {
      return await work(connection);
    } finally {
      await connection.#deallocateEvicted();
      connection.#release();
    }
  }

  get isAlive(): boolean {
    return this.#loss === undefined;
  }

  get lossCause(): unknown {
    return this.#loss?.cause;
  }

  /** The pool ends a client that is returned with an error, and its running statements reject. */
  drop(cause: unknown): void {
    this.#lose(cause);
    this.#release();
  }

  /** @throws {@link staleStatement}; the client is then dropped when it is returned, as it is if the server is read-only */
  async execute(
    text: string,
    parameters: readonly SqlParameter[],
    signal?: AbortSignal,
    isPrepared = this.#clients.prepare,
  ): Promise<SqlResult> {
    throwIfAborted(signal);
    const { generation } = this.#clients;
    const query: PgQuery = { text, values: [...parameters], rowMode: "array", types: pgTypes };
    if (!isPrepared) return this.#run(query, signal);
    const { known, names } = statementsOn(this.#client);
    // A pooler that tracks statements would reuse the plan of the same text.
    const versioned = generation === 0 ? text : `${text} --${generation}`;
    // A long transaction has many to deallocate at its end.
    const sent = known.find(versioned) ?? (known.hasEvicted ? undefined : known.add(versioned));
    if (sent === undefined) return this.#run(query, signal);
    const name = statementName(sent);
    try {
      const result = await this.#run({ ...query, name, text: sent }, signal);
      names.add(name);
      return result;
    } catch (error) {
      if (isStalePlan(error, names.has(name))) throw this.#stale(error, generation);
      if (!isStalePlan(error)) names.add(name);
      throw error;
    }
  }

  /** `pg` remembers every name that it has used on a client, so the client is replaced after many. */
  async #deallocateEvicted(): Promise<void> {
    const { known } = statementsOn(this.#client);
    if (!known.hasEvicted || !this.isAlive) return;
    if (known.isWornOut) this.#misfit ??= { cause: undefined };
    else await this.executeScript(known.deallocation()).catch((cause: unknown) => this.#lose(cause));
  }

  async executeScript(text: string): Promise<string | undefined> {
    return (await this.#query({ text, rowMode: "array", types: pgTypes })).command;
  }

  #run(statement: PgQuery, signal: AbortSignal | undefined): Promise<SqlResult> {
    const query = this.#query(statement);
    if (signal === undefined) return query;
    const stopListening = onAbort(signal, () => this.#lose(signal.reason));
    return this.#cancellable(query, signal).finally(stopListening);
  }

  async #query(query: PgQuery): Promise<PgResult> {
    try {
      return await this.#client.query(query);
    } catch (error) {
      const code = databaseErrorFacts(error)?.code;
      if (isReadOnlyError(error) && !this.#isReadOnly) {
        this.#misfit = { cause: error };
        this.#clients.replaceConnections();
      }
      if (code !== undefined && !isLossError(error)) throw error;
      // pg's own errors have no code: a lost connection, or a time-out after which the result may still arrive.
      this.#lose(error);
      if (code !== undefined) throw error;
      throw connectionClosed(error);
    }
  }

  /** The error of a statement that was rejected as stale. If statements are lost repeatedly, the caller must change a setting. */
  #stale(error: unknown, generation: number): unknown {
    const clients = this.#clients;
    this.#misfit = { cause: error };
    // The pool's other clients may have the same stale plans.
    if (clients.generation === generation) clients.generation++;
    if (databaseErrorFacts(error)?.code === "26000") {
      const isAgain = performance.now() - clients.lastMissing < LOST_STATEMENTS_INTERVAL;
      clients.lastMissing = performance.now();
      if (isAgain) return error;
    }
    return staleStatement(error);
  }

  /** Cancels over another client; not behind a proxy, which cancels by itself, and whose process id is not the server's. */
  #cancellable(query: Promise<PgResult>, signal: AbortSignal): Promise<PgResult> {
    const { processID } = this.#client;
    if (!this.#clients.prepare || typeof processID !== "number") return untilAborted(query, signal);
    // A client may be free only later, when the server process may run another caller's statement.
    const over = new AbortController();
    const cancel = (settled: AbortSignal) =>
      PgConnection.use(this.#clients, { signal: AbortSignal.any([settled, over.signal]) }, (connection) =>
        connection.executeScript(`select pg_cancel_backend(${processID})`),
      );
    return abortable(query, signal, { cancel, giveUp: () => over.abort() });
  }

  #lose(cause: unknown): void {
    if (this.#loss !== undefined) return;
    this.#loss = { cause };
    this.onLost?.();
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

/** A name stands for one text, as `pg` requires. */
function statementName(text: string): string {
  return `flux_${hash("sha256", text, "base64url").slice(0, 22)}`;
}

async function checkOut(pool: HostPgPool, signal: AbortSignal | undefined): Promise<HostPgPoolClient> {
  signal?.throwIfAborted();
  const connecting = pool.connect();
  try {
    return await untilAborted(connecting, signal);
  } catch (error) {
    if (signal?.aborted === true) {
      // A pool cannot cancel a wait: a client that comes too late is returned at once.
      connecting.then((client) => client.release()).catch(() => undefined);
      throw error;
    }
    if (databaseErrorFacts(error) !== undefined) throw loginError(error);
    const reason = isError(error) ? ` (${error.message})` : "";
    const sentence = `The application's pool gave no connection${reason}. Try again later.`;
    throw new UnavailableError(sentence, { cause: error });
  }
}
