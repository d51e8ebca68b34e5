import type { CallOptions } from "../contract/call-options.ts";
import { beginScript } from "../session/begin.ts";
import type { TransactionOptions } from "../session/database-session.ts";
import type { SqlDriver, SqlExecutor, SqlParameter, SqlResult, SqlTransaction } from "../session/driver.ts";
import { OpenTransaction } from "../session/transaction.ts";
import { type HostPgPool, PgConnection } from "./pg-connection.ts";

/** How a host's `pg.Pool` is used. */
export interface PgDriverOptions {
  /**
   * Whether statements are prepared once per client. Default `true`. Behind a proxy that pools by transaction (PgBouncer)
   * it must be `false`; then a statement that is aborted is not cancelled on the server, only its client is dropped.
   */
  readonly prepare?: boolean | undefined;
}

/** A host's own `pg.Pool`: each statement and each transaction on a client that it gives out, and gets back. */
export class PgDriver implements SqlDriver {
  readonly description = "the host's pg pool";
  readonly isTransaction = false;
  readonly probe: SqlExecutor = {
    execute: (text, parameters, options) =>
      this.#execute(isInUse(this.#pool) ? beside(this.#pool) : this.#pool, text, parameters, options),
  };
  readonly #pool: HostPgPool;
  readonly #prepare: boolean;

  constructor(pool: HostPgPool, options: PgDriverOptions = {}) {
    this.#pool = pool;
    this.#prepare = options.prepare ?? true;
  }

  execute(text: string, parameters: readonly SqlParameter[], options?: CallOptions): Promise<SqlResult> {
    return this.#execute(this.#pool, text, parameters, options);
  }

  // Not by the pool's own query(), which drops its client after any error, a row that exists already included.
  #execute(
    pool: HostPgPool,
    text: string,
    parameters: readonly SqlParameter[],
    { signal }: CallOptions = {},
  ): Promise<SqlResult> {
    return PgConnection.use(pool, this.#prepare, signal, (connection) => connection.execute(text, parameters, signal));
  }

  async transaction<Result>(
    work: (transaction: SqlTransaction) => Promise<Result>,
    options: TransactionOptions = {},
  ): Promise<Result> {
    const { signal } = options;
    const begin = beginScript(options);
    return PgConnection.use(this.#pool, this.#prepare, signal, (connection) =>
      OpenTransaction.run(connection, begin, work, signal),
    );
  }

  /** Nothing to do: the pool is the host's. */
  async close(): Promise<void> {}
}

/** Whether a caller would have to wait for a client. */
function isInUse({ options, idleCount = 0, totalCount = 0 }: HostPgPool): boolean {
  return idleCount === 0 && totalCount >= (options?.max ?? Number.POSITIVE_INFINITY);
}

/** Gives out another client like those of `pool`, which is closed when it is given back. */
function beside(pool: HostPgPool): HostPgPool {
  const { Client, options } = pool;
  if (Client === undefined || options === undefined) return pool;
  return {
    async connect() {
      const client = new Client(options);
      await client.connect();
      return Object.assign(client, { release: () => void client.end() });
    },
  };
}
