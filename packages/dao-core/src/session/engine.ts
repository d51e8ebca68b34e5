import type { CallOptions } from "../contract/call-options.ts";
import type { Daos } from "./daos.ts";
import type { TransactionOptions } from "./database-session.ts";

/**
 * Runs one call of a DAO, which may be several statements: where it may run, in time, tried again where the database gave it
 * up for others, and with what PostgreSQL refuses made a `DaoError`.
 */
export type RunCall<Handle> = <Result>(
  call: (handle: Handle) => Promise<Result>,
  options?: CallOptions,
) => Promise<Result>;

/**
 * An ORM or a query builder on PostgreSQL, as far as a session needs it; {@link engineSession} does the rest. `Handle` is
 * what it runs statements on: its database, and within a transaction that transaction.
 */
export interface Engine<Handle> {
  /** The database: a statement runs on whichever connection of its pool is free. */
  readonly database: Handle;
  /** The most connections of its pool: a quarter of them is for imports. Default: imports run one at a time. */
  readonly poolSize?: number | undefined;
  /** All DAOs. Whatever they ask of the database they ask within `run`. */
  daos(run: RunCall<Handle>): Daos;
  /** Runs `work` in a transaction: committed when its promise fulfils, rolled back when it rejects. */
  transaction<Result>(
    work: (transaction: Handle) => Promise<Result>,
    options: Pick<TransactionOptions, "isolationLevel" | "readOnly">,
  ): Promise<Result>;
  /** Runs a statement that has no parameters, and whose answer does not matter: a savepoint, a time-out, a cancel. */
  execute(handle: Handle, statement: string): Promise<unknown>;
}
