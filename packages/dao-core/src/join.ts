import { Database, type SessionOptions } from "./database.ts";
import {
  drizzleDriver,
  type HostDrizzle,
  type HostKnex,
  type HostKysely,
  type HostPostgresJs,
  type HostPrisma,
  type HostTypeOrm,
  knexDriver,
  kyselyDriver,
  postgresJsDriver,
  prismaDriver,
  typeOrmDriver,
} from "./drivers/adapters.ts";
import { PgDriver, type PgDriverOptions, pgClientDriver } from "./drivers/pg.ts";
import type { HostPgClient, HostPgPool } from "./drivers/pg-connection.ts";
import type { SqlDriver } from "./session/driver.ts";

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
 * application: the time-outs, any `TimeZone`, and the `DateStyle`, which must be ISO, PostgreSQL's default. Give the pool an
 * `error` listener, as `pg` requires: it is notified of idle clients that were lost.
 *
 * A stale prepared statement, after ALTER TABLE or DEALLOCATE ALL, is run once more on another client; inside a unit of work it
 * is a `RetryableError`, which `retries` covers. Its client is dropped, and so is one whose server is read-only, which is an
 * `UnavailableError`.
 *
 * A call whose signal aborts stops waiting for a client at once; a running statement is cancelled over another client of the
 * pool, or abandoned after a second if there is none; its own client is dropped.
 */
export function joinPgPool(pool: HostPgPool, options: JoinPgPoolOptions = {}): Database {
  return new Database(new PgDriver(pool, options), options);
}

/**
 * A database in the transaction that an application has begun on a `pg` client, of a pool or not. A unit of work is a savepoint
 * in it; the library never ends it. Nothing is cancelled on the server: a statement whose signal aborts gets one more second,
 * after which the client counts as lost.
 */
export function joinPgClient(client: HostPgClient, options: SessionOptions = {}): Database {
  return new Database(pgClientDriver(client), options);
}

/** A database on an application's postgres.js client, or on one of its transactions. See {@link hostDriver}. */
export function joinPostgresJs(sql: HostPostgresJs, options: JoinOptions = {}): Database {
  return new Database(postgresJsDriver(sql, options.poolSize), options);
}

/**
 * A database on an application's Drizzle instance, or on one of its transactions, with any driver: our rows and its own in one
 * transaction. See {@link hostDriver}.
 */
export function joinDrizzle(database: HostDrizzle, options: JoinOptions = {}): Database {
  return new Database(drizzleDriver(database, options.poolSize), options);
}

/**
 * A database on an application's Kysely on `pg`, or on one of its transactions. Kysely does not expose its connections, so the
 * loss of one is noticed by the next statement; give the clients of its pool `error` listeners. See {@link hostDriver}.
 */
export function joinKysely(database: HostKysely, options: JoinOptions = {}): Database {
  return new Database(kyselyDriver(database, options.poolSize), options);
}

/** A database on an application's Knex on `pg`, or on one of its transactions. See {@link hostDriver}. */
export function joinKnex(database: HostKnex, options: JoinOptions = {}): Database {
  return new Database(knexDriver(database, options.poolSize), options);
}

/**
 * A database on an application's Prisma client with its adapter for `pg`, or on one of its interactive transactions. Prisma does
 * not expose its connections, so the loss of one is noticed by the next statement. See {@link hostDriver}.
 */
export function joinPrisma(client: HostPrisma, options: JoinOptions = {}): Database {
  return new Database(prismaDriver(client, options.poolSize), options);
}

/**
 * A database on an application's TypeORM `DataSource`, or on the `EntityManager` of a transaction, where statements are cancelled
 * on the server, too. See {@link hostDriver}.
 */
export function joinTypeOrm(host: HostTypeOrm, options: JoinOptions = {}): Database {
  return new Database(typeOrmDriver(host, options.poolSize), options);
}

/** A database on a driver: one that {@link hostDriver} makes of another client, or one of your own. */
export function joinHost(driver: SqlDriver, options: SessionOptions = {}): Database {
  return new Database(driver, options);
}
