import type { SqlParameter, SqlResult } from "../../session/driver.ts";
import { withCode } from "../../session/postgres-errors.ts";
import { giveTurn } from "../../session/waiting/event-loop.ts";

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
  /**
   * Runs `work` in a transaction, which is committed when its promise fulfils and rolled back when it rejects. Omitted if
   * {@link handle} is an open transaction, which is joined, and never ended.
   */
  readonly transaction?: (<Result>(work: (transaction: Handle) => Promise<Result>) => PromiseLike<Result>) | undefined;
  /** Runs `work` in a savepoint of the transaction; for clients that must set savepoints themselves. Default: by SQL. */
  readonly savepoint?:
    | (<Result>(transaction: Handle, work: (nested: Handle) => Promise<Result>) => PromiseLike<Result>)
    | undefined;
  /**
   * The connection of a transaction, if it emits `error` when it is lost, as clients of `pg` do. Then a unit of work ends as soon
   * as its connection does; otherwise with its next statement.
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
    return { rows: rows.map((row) => Object.values(row)) };
  } catch (error) {
    throw driverError(client, error);
  }
}

/** The driver's error inside the client's. */
export function driverError<Handle>({ toDriverError }: HostClient<Handle>, error: unknown): unknown {
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
