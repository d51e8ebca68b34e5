import type { CallOptions } from "../contract/call-options.ts";
import type { TransactionOptions } from "../session/database-session.ts";
import {
  beginScript,
  type SqlDriver,
  type SqlExecutor,
  type SqlParameter,
  type SqlResult,
  type SqlTransaction,
} from "../session/driver.ts";
import { type ImportLimit, importLimitOf } from "../session/import-limit.ts";
import { isStaleStatement } from "../session/postgres-errors.ts";
import { OpenTransaction } from "../session/transaction/transaction.ts";
import { hostDriver, replacesReadOnlySessions, terminateSession } from "./host/host-driver.ts";
import { type HostPgClient, type HostPgPool, type PgClients, PgConnection, pgTypes } from "./pg-connection.ts";

/** How an application's `pg.Pool` is used. */
export interface PgDriverOptions {
  /**
   * Whether statements are prepared once per client. Default `true`. Behind a proxy that pools by transaction (PgBouncer) it must
   * be `false`; then an aborted statement is not cancelled on the server; only its client is dropped.
   */
  readonly prepare?: boolean | undefined;
}

/** An application's own `pg.Pool`: each statement and each transaction checks out a client. */
export class PgDriver implements SqlDriver {
  readonly description = "the application's pg pool";
  readonly isTransaction = false;
  readonly probe: SqlExecutor = {
    execute: (text, parameters, options) => this.#execute(clientsOfProbe(this.#clients), text, parameters, options),
  };
  readonly replaceConnections = replacesReadOnlySessions((ending) =>
    terminateSession(
      (text) => PgConnection.use(this.#clients, {}, (connection) => connection.execute(text, [], undefined, false)),
      ending,
    ),
  );
  readonly imports: ImportLimit;
  readonly #clients: PgClients;

  constructor(pool: HostPgPool, { prepare = true }: PgDriverOptions = {}) {
    this.imports = importLimitOf(pool);
    this.#clients = {
      pool,
      prepare,
      generation: 0,
      lastMissing: Number.NEGATIVE_INFINITY,
      replaceConnections: this.replaceConnections,
    };
  }

  execute(text: string, parameters: readonly SqlParameter[], options?: CallOptions): Promise<SqlResult> {
    return this.#execute(this.#clients, text, parameters, options);
  }

  // Not with pool.query(), which drops its client after any error, even a unique violation.
  async #execute(
    clients: PgClients,
    text: string,
    parameters: readonly SqlParameter[],
    { signal, requester }: CallOptions = {},
  ): Promise<SqlResult> {
    const run = (isPrepared?: boolean) =>
      PgConnection.use(clients, { signal, requester }, (connection) =>
        connection.execute(text, parameters, signal, isPrepared),
      );
    try {
      return await run();
    } catch (error) {
      if (!isStaleStatement(error)) throw error;
      // It was rejected before it had any effect; without preparation, it cannot be stale.
      return run(false);
    }
  }

  async transaction<Result>(
    work: (transaction: SqlTransaction) => Promise<Result>,
    options: TransactionOptions = {},
  ): Promise<Result> {
    const { signal, requester, readOnly: isReadOnly } = options;
    const begin = beginScript(options);
    return PgConnection.use(this.#clients, { signal, requester, isReadOnly }, (connection) =>
      OpenTransaction.run(connection, begin, work, signal),
    );
  }

  /** Nothing to do: the pool is the application's. */
  async close(): Promise<void> {}
}

/** The pool's clients; if none is free, an extra one, which is closed when it is returned. */
function clientsOfProbe(clients: PgClients): PgClients {
  const { Client, options, idleCount = 0, totalCount = 0 } = clients.pool;
  if (Client === undefined || options === undefined) return clients;
  if (idleCount > 0 || totalCount < (options.max ?? Number.POSITIVE_INFINITY)) return clients;
  const connect = async () => {
    const client = new Client(options);
    await client.connect();
    return Object.assign(client, { release: () => void client.end() });
  };
  return { ...clients, pool: { connect } };
}

/** A `pg` client with the transaction that the application has begun on it. */
export function pgClientDriver(client: HostPgClient): SqlDriver {
  return hostDriver<HostPgClient>({
    description: "the application's pg client",
    handle: client,
    execute: async (handle, text, values) =>
      (await handle.query({ text, values, rowMode: "array", types: pgTypes })).rows,
    connectionOf: (handle) => handle,
  });
}
