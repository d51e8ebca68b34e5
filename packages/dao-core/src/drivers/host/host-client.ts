import type { SqlParameter } from "../../session/driver.ts";

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

/** A statement split at its parameters: the text between them, and their values. */
export interface PositionalParameters {
  readonly parts: readonly string[];
  readonly values: readonly SqlParameter[];
}

/** For clients that number parameters themselves, by where they stand: `$2` may come before `$1`, and twice. */
export function positionalParameters(text: string, values: readonly SqlParameter[]): PositionalParameters {
  const numbers = [...text.matchAll(/\$(\d+)/g)].map(([, number]) => Number(number));
  return { parts: text.split(/\$\d+/), values: numbers.map((number) => values[number - 1] ?? null) };
}
