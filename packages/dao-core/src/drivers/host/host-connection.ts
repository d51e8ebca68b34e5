import { isError } from "../../contract/fields/realms.ts";
import type { SqlConnection, SqlParameter, SqlResult } from "../../session/driver.ts";
import { codedError, connectionClosed, isLossError, isReadOnlyError, withCode } from "../../session/postgres-errors.ts";
import { savepointName } from "../../session/transaction/transaction.ts";
import { throwIfAborted } from "../../session/waiting/deadline.ts";
import { giveTurn } from "../../session/waiting/event-loop.ts";
import { abortable } from "../abortable.ts";
import { withoutGap } from "../postgres/prepared-statements.ts";
import { type HostLink, inHostSavepoint } from "./host-transaction.ts";

/** An application's client of PostgreSQL. `Handle` is what it runs statements on: its database or pool, or its transaction. */
export interface HostClient<Handle> {
  /** A description for people, such as `the application's Knex`. */
  readonly description: string;
  /** The joined database, or an open transaction of the application. */
  readonly handle: Handle;
  /**
   * Runs one statement with `$1`, `$2`, … bound to `values`, which are text, numbers, booleans and `null`; returns its rows, as
   * objects or as arrays. The columns of a statement have different names.
   */
  execute(handle: Handle, text: string, values: SqlParameter[]): PromiseLike<readonly object[]>;
  /** Runs `work` in a transaction that ends as its promise settles. Omitted if {@link handle} is one, which is never ended. */
  readonly transaction?: (<Result>(work: (transaction: Handle) => Promise<Result>) => PromiseLike<Result>) | undefined;
  /** Runs `work` in a savepoint of the transaction; for clients that must set savepoints themselves. Default: by SQL. */
  readonly savepoint?:
    | (<Result>(transaction: Handle, work: (nested: Handle) => Promise<Result>) => PromiseLike<Result>)
    | undefined;
  /**
   * A transaction's connection, if its loss is noticed while it is idle: it emits `error`, as of `pg`, or the client rejects the
   * transaction. Otherwise the next statement notices, and idle sessions on a read-only server are left to the client.
   */
  readonly connectionOf?: ((transaction: Handle) => unknown) | undefined;
  /** Extracts the driver's error, which has the SQLSTATE, from the client's own. Default: the cause that has a code. */
  readonly toDriverError?: ((error: unknown) => unknown) | undefined;
  /** A handle outside of the joined transaction, for cancelling its statements. Default: none. */
  readonly beside?: Handle | undefined;
  /** The connection pool: databases that share one share its limit of imports. Default: {@link handle}. */
  readonly pool?: object | undefined;
  /** The maximum number of connections; a quarter is for imports. Default: `pool.options.max`, or imports run one at a time. */
  readonly poolSize?: number | undefined;
}

/** Runs one statement; errors have a code. */
export async function runOn<Handle>(
  client: HostClient<Handle>,
  handle: Handle,
  text: string,
  parameters: readonly SqlParameter[] = [],
): Promise<SqlResult> {
  // The application's database may be in this process.
  await giveTurn();
  try {
    const rows = await client.execute(handle, withTextInstants(text), [...parameters]);
    return { rows: withoutGap(rows).map((row) => Object.values(row)) };
  } catch (error) {
    throw driverError(client, error);
  }
}

/** How Kysely, Knex, TypeORM and Prisma refuse a statement of a transaction that has ended; TypeORM ends one that loses its connection. */
const HAS_ENDED = /already (?:committed|rolled back|complete|released|closed)/;

/** The driver's error inside the client's. */
export function driverError<Handle>({ toDriverError, transaction }: HostClient<Handle>, error: unknown): unknown {
  if (isError(error) && HAS_ENDED.test(error.message)) {
    return transaction === undefined ? codedError("25P01", error.message, error) : connectionClosed(error);
  }
  return withCode(toDriverError === undefined ? error : toDriverError(error));
}

/** By the text of the statement: the most recent ones, since filters, orders and schemas make any number of texts. */
const textInstants = new Map<string, string>();
const MAX_TEXTS = 1_000;

/** Declares instants as text: postgres.js would convert a `timestamptz` parameter to a `Date`, without its microseconds. */
function withTextInstants(text: string): string {
  const changed = textInstants.get(text) ?? text.replace(/(\$\d+)::timestamptz/g, "$1::text::timestamptz");
  if (textInstants.size >= MAX_TEXTS) textInstants.clear();
  textInstants.set(text, changed);
  return changed;
}

/** Identifies the server process and its transaction. */
const IDENTITY = `select pid, now()::text as begun, backend_type from pg_stat_activity where pid = pg_backend_pid()`;

/** The connection of an application's transaction, or of a savepoint in it. */
export class HostConnection<Handle> implements SqlConnection {
  readonly #client: HostClient<Handle>;
  readonly #handle: Handle;
  readonly #link: HostLink;
  readonly #depth: number;

  constructor(client: HostClient<Handle>, handle: Handle, link: HostLink, depth = 0) {
    this.#client = client;
    this.#handle = handle;
    this.#link = link;
    this.#depth = depth;
  }

  get isAlive(): boolean {
    return this.#link.isAlive;
  }

  get lossCause(): unknown {
    return this.#link.lossCause;
  }

  set onLost(listener: (() => void) | undefined) {
    this.#link.onLost = listener;
  }

  drop(cause: unknown): void {
    this.#link.giveUp(cause);
  }

  async execute(text: string, parameters: readonly SqlParameter[], signal?: AbortSignal): Promise<SqlResult> {
    if (signal === undefined) return this.#run(text, parameters);
    // After a statement that never settles, no later one gets a response.
    const giveUp = () => this.#link.giveUp(signal.reason);
    // This is a statement itself.
    const cancel = await abortable(this.#cancellation(), signal, { giveUp });
    throwIfAborted(signal);
    return abortable(this.#run(text, parameters), signal, { cancel, giveUp });
  }

  async executeScript(text: string): Promise<undefined> {
    await this.#run(text);
  }

  async nested<Result>(work: (connection: SqlConnection) => Promise<Result>): Promise<Result> {
    await giveTurn();
    const { savepoint, transaction } = this.#client;
    // The client would commit, which rolls back then, and report success. An application ends its own transaction.
    const onBroken = (cause: unknown) => void (transaction && this.isAlive && this.#link.giveUp(cause));
    return inHostSavepoint<Handle, Result>(
      (within) => (savepoint === undefined ? this.#bySql(within) : savepoint(this.#handle, within)),
      (handle) => work(new HostConnection(this.#client, handle, this.#link, this.#depth + 1)),
      this.#link,
      (error) => driverError(this.#client, error),
      onBroken,
    );
  }

  async #bySql<Result>(within: (handle: Handle) => Promise<Result>): Promise<Result> {
    const name = savepointName(this.#depth + 1);
    const run = async (text: string) => this.#client.execute(this.#handle, text, []);
    await run(`savepoint ${name}`);
    const result = await within(this.#handle).catch(async (error: unknown) => {
      await run(`rollback to savepoint ${name}`);
      // On a lost connection, it might be sent within another transaction.
      if (this.#link.isAlive) await run(`release savepoint ${name}`);
      throw error;
    });
    await run(`release savepoint ${name}`).catch(async (error: unknown) => {
      if (!isLossError(driverError(this.#client, error))) await run(`rollback to savepoint ${name}`);
      throw error;
    });
    return result;
  }

  async #run(text: string, parameters?: readonly SqlParameter[]): Promise<SqlResult> {
    try {
      return await runOn(this.#client, this.#handle, text, parameters);
    } catch (error) {
      if (isLossError(error)) this.#link.lose(error);
      if (isReadOnlyError(error)) this.#link.isReadOnly = true;
      throw error;
    }
  }

  /** Returns what cancels the statements of this transaction, but not those of a later one on its connection. */
  async #cancellation(): Promise<(() => Promise<unknown>) | undefined> {
    const { transaction, handle, poolSize } = this.#client;
    const beside = transaction === undefined ? this.#client.beside : handle;
    // The cancel request would need the connection that it is meant to free.
    if (beside === undefined || (transaction !== undefined && poolSize === 1)) return undefined;
    this.#link.transaction ??= this.#run(IDENTITY).catch((error) => {
      // It can be queried again after a rollback to a savepoint.
      this.#link.transaction = undefined;
      throw error;
    });
    const [pid, begun, type] = (await this.#link.transaction).rows[0] ?? [];
    // PGlite has only one connection.
    if (type === "standalone backend") return undefined;
    const text = `select pg_cancel_backend(pid) as cancelled from pg_stat_activity
      where pid = ${Number(pid)} and xact_start = '${String(begun)}'::timestamptz`;
    return () => runOn(this.#client, beside, text);
  }
}
