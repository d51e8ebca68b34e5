import { Database, type SessionOptions } from "../database.ts";
import type { HostClient } from "../drivers/host/host-connection.ts";
import { hostDriver } from "../drivers/host/host-driver.ts";
import { type PgDriverOptions, pgClientDriver, pgPoolDriver } from "../drivers/pg.ts";
import type { HostPgClient, HostPgPool } from "../drivers/pg-connection.ts";
import type { SqlDriver } from "../session/driver.ts";

/*
 * Each function returns a database on an application's existing client or ORM, or in its open transaction, which is joined and
 * never ended. The client is not changed, and `close` does not close it. What `openDatabase` sets when it connects is up to the
 * application: the time-outs, any `TimeZone`, and the `DateStyle`, which must be ISO, PostgreSQL's default.
 */

/** Options for joining an application's client. */
export interface JoinOptions extends SessionOptions {
  /** Its pool's maximum of connections; a quarter is for imports. Default: the client's setting, or one import at a time. */
  readonly poolSize?: number | undefined;
}

/** How to use an application's `pg.Pool`. */
export interface JoinPgPoolOptions extends PgDriverOptions, SessionOptions {}

/**
 * The database over an application's own `pg.Pool`: one pool, one limit of connections.
 *
 * ```ts
 * const services = createDaoServices(joinPgPool(pool));
 * ```
 *
 * The pool is not changed, including its parsers and settings, and `close` does not end it. Results are received as text and
 * parsed here; a pool with `binary: true` cannot be used. What {@link openDatabase} sets when it connects is up to the
 * application: the time-outs, any `TimeZone`, and the `DateStyle`, which must be ISO, PostgreSQL's default. Give the pool and
 * its clients `error` listeners, as `pg` requires: they are notified of connections that were lost.
 *
 * A stale prepared statement, after ALTER TABLE or DEALLOCATE ALL, is run once more on another client; inside a unit of work it
 * is a `RetryableError`, which `retries` covers. Its client is dropped, and so are those whose server is read-only, which is an
 * `UnavailableError`.
 *
 * A call whose signal aborts stops waiting for a client at once; a running statement is cancelled over another client of the
 * pool, or abandoned after a second if there is none; its own client is dropped.
 */
export function joinPgPool(pool: HostPgPool, options: JoinPgPoolOptions = {}): Database {
  return new Database(pgPoolDriver(pool, options), options);
}

/**
 * A database in the transaction that an application has begun on a `pg` client, of a pool or not. A unit of work is a savepoint
 * in it; the library never ends it. Nothing is cancelled on the server: a statement whose signal aborts gets one more second,
 * after which the client counts as lost.
 */
export function joinPgClient(client: HostPgClient, options: SessionOptions = {}): Database {
  return new Database(pgClientDriver(client), options);
}

/** A database on a driver: one that {@link hostDriver} makes of another client, or one of your own. */
export function joinHost(driver: SqlDriver, options: SessionOptions = {}): Database {
  return new Database(driver, options);
}

/** A database on a client that {@link hostDriver} can describe. */
export function joinClient<Handle>(options: JoinOptions, client: HostClient<Handle>): Database {
  return joinHost(hostDriver({ ...client, poolSize: options.poolSize ?? client.poolSize }), options);
}
