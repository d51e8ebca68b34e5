import type { SqlParameter, SqlResult } from "../../session/driver.ts";
import { withCode } from "../../session/postgres-errors.ts";
import { giveTurn } from "../../session/waiting/event-loop.ts";

/**
 * An application's client of PostgreSQL, as far as {@link hostDriver} needs it. `Handle` is what it runs statements on: its
 * database or pool, and within a transaction that transaction.
 */
export interface HostClient<Handle> {
  /** A description for people, such as `the application's Knex`. */
  readonly description: string;
  /** What is joined: the database, or a transaction that the application has open. */
  readonly handle: Handle;
  /**
   * Runs one statement with `$1`, `$2`, … bound to `values`, which are text, numbers, booleans and `null`; returns its rows, as
   * objects or as arrays. No two columns of a statement have one name.
   */
  execute(handle: Handle, text: string, values: SqlParameter[]): PromiseLike<readonly object[]>;
  /**
   * Runs `work` in a transaction, which is committed when its promise fulfils and rolled back when it rejects. Left out where
   * {@link handle} is an open transaction: that is joined, and never ended here.
   */
  readonly transaction?: (<Result>(work: (transaction: Handle) => Promise<Result>) => PromiseLike<Result>) | undefined;
  /** Runs `work` in a savepoint of the transaction. Default: by SQL; for clients that need to know of their savepoints. */
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
  /** A handle outside a joined transaction, for cancelling what runs in it. Default: none. */
  readonly beside?: Handle | undefined;
  /** The pool of the connections: databases that share a pool share its limit of imports. Default: {@link handle}. */
  readonly pool?: object | undefined;
  /** The most connections of the pool: a quarter of them is for imports. Default: `pool.options.max`, else imports run one at a time. */
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

/** The driver's error behind one of the client. */
export function driverError<Handle>({ toDriverError }: HostClient<Handle>, error: unknown): unknown {
  return withCode(toDriverError === undefined ? error : toDriverError(error));
}

/** By a statement's text, of which there is one for each shape of filter and update in use. */
const textInstants = new Map<string, string>();

/** With instants as text: postgres.js makes a `Date` of a parameter that the server takes for an instant, without its microseconds. */
function withTextInstants(text: string): string {
  let changed = textInstants.get(text);
  if (changed === undefined) {
    changed = text.replace(/(\$\d+)::timestamptz/g, "$1::text::timestamptz");
    textInstants.set(text, changed);
  }
  return changed;
}
