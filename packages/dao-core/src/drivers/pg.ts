import type { CallOptions } from "../contract/call-options.ts";
import { beginScript, type SqlDriver, type SqlParameter, type SqlResult } from "../session/driver.ts";
import { importLimitOf } from "../session/import-limit.ts";
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

/** A driver on an application's own `pg.Pool`: each statement and each transaction checks out a client. */
export function pgPoolDriver(pool: HostPgPool, { prepare = true }: PgDriverOptions = {}): SqlDriver {
  const replaceConnections = replacesReadOnlySessions((ending) =>
    terminateSession(
      (text) => PgConnection.use(clients, {}, (connection) => connection.execute(text, [], undefined, false)),
      ending,
    ),
  );
  const clients: PgClients = {
    pool,
    prepare,
    generation: 0,
    lastMissing: Number.NEGATIVE_INFINITY,
    replaceConnections,
  };
  return {
    description: "the application's pg pool",
    isTransaction: false,
    execute: (text, parameters, options) => executeOn(clients, text, parameters, options),
    probe: { execute: (text, parameters, options) => executeOn(clientsOfProbe(clients), text, parameters, options) },
    replaceConnections,
    imports: importLimitOf(pool),
    async transaction(work, options = {}) {
      const { signal, requester, readOnly: isReadOnly } = options;
      const begin = beginScript(options);
      return PgConnection.use(clients, { signal, requester, isReadOnly }, (connection) =>
        OpenTransaction.run(connection, begin, work, signal),
      );
    },
    /** Nothing to do: the pool is the application's. */
    async close() {},
  };
}

// Not with pool.query(), which drops its client after any error, even a unique violation.
async function executeOn(
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
