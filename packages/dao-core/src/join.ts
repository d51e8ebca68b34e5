import { Database, type SessionOptions } from "./database.ts";
import {
  drizzleDriver,
  type HostDrizzle,
  type HostKnex,
  type HostKysely,
  type HostPostgresJs,
  type HostTypeOrm,
  knexDriver,
  kyselyDriver,
  postgresJsDriver,
  typeOrmDriver,
} from "./drivers/adapters.ts";
import { PgDriver, type PgDriverOptions, pgClientDriver } from "./drivers/pg.ts";
import type { HostPgClient, HostPgPool } from "./drivers/pg-connection.ts";
import { type HostPrisma, prismaDriver } from "./drivers/prisma.ts";
import type { SqlDriver } from "./session/driver.ts";

/*
 * Each of these makes a database of what an application has already: its client or ORM, or a transaction that it has open, which
 * is joined and never ended. What is joined is left as it is, and `close` does not close it. What `openDatabase` sets when it
 * connects is the application's here: the time-outs; any `TimeZone`; and the `DateStyle`, which must be ISO, as it is unless it
 * was changed.
 */

/** How to use what an application has. */
export interface JoinOptions extends SessionOptions {
  /** The most connections of its pool: a quarter of them is for imports. Default: what the client says; else imports run one at a time. */
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
 * The pool is left as it is, its parsers and settings included, and `close` does not end it. Results come as text and are
 * read by parsers of our own; a pool with `binary: true` cannot be used. What {@link openDatabase} sets when it connects is
 * the application's here: the time-outs; any `TimeZone`; and the `DateStyle`, which must be ISO, as it is unless it was changed. Give the pool an `error` listener, as `pg` asks of
 * every application: it is notified of idle clients that were lost.
 *
 * A prepared statement that no longer fits, after ALTER TABLE or DEALLOCATE ALL, is run once more, on another client; inside a
 * unit of work it is a `RetryableError`, which `retries` covers. Its client is dropped, and so is one whose server takes no
 * writes, which is an `UnavailableError`.
 *
 * A call whose signal aborts stops waiting for a client at once; a statement that runs is cancelled over another client of
 * the pool, and abandoned after a second where there is none; its own client is dropped.
 */
export function joinPgPool(pool: HostPgPool, options: JoinPgPoolOptions = {}): Database {
  return new Database(new PgDriver(pool, options), options);
}

/**
 * The transaction that an application has begun on a `pg` client: one of its pool, or one of its own. A unit of work is a
 * savepoint in it, and it is never ended here. Nothing is cancelled on the server: a statement whose signal aborts is waited
 * for a second, and the client counts as lost then.
 */
export function joinPgClient(client: HostPgClient, options: SessionOptions = {}): Database {
  return new Database(pgClientDriver(client), options);
}

/** The database as an application's postgres.js client, or a transaction of it, sees it. See {@link hostDriver}. */
export function joinPostgresJs(sql: HostPostgresJs, options: JoinOptions = {}): Database {
  return new Database(postgresJsDriver(sql, options.poolSize), options);
}

/**
 * The database as an application's own Drizzle instance or open transaction sees it, on whichever driver: our rows and its own
 * in one transaction. See {@link hostDriver}.
 */
export function joinDrizzle(database: HostDrizzle, options: JoinOptions = {}): Database {
  return new Database(drizzleDriver(database, options.poolSize), options);
}

/**
 * The database as an application's Kysely on `pg`, or a transaction of it, sees it. Kysely hands out no connection, so the
 * loss of one is noticed by the next statement; give the clients of its pool `error` listeners. See {@link hostDriver}.
 */
export function joinKysely(database: HostKysely, options: JoinOptions = {}): Database {
  return new Database(kyselyDriver(database, options.poolSize), options);
}

/** The database as an application's Knex on `pg`, or a transaction of it, sees it. See {@link hostDriver}. */
export function joinKnex(database: HostKnex, options: JoinOptions = {}): Database {
  return new Database(knexDriver(database, options.poolSize), options);
}

/**
 * The database as an application's Prisma client on its adapter for `pg`, or an interactive transaction of it, sees it. Prisma
 * hands out no connection, so the loss of one is noticed by the next statement. See {@link hostDriver}.
 */
export function joinPrisma(client: HostPrisma, options: JoinOptions = {}): Database {
  return new Database(prismaDriver(client, options.poolSize), options);
}

/**
 * The database as an application's TypeORM `DataSource`, or the `EntityManager` of a transaction, sees it. In that, too,
 * statements are cancelled on the server. See {@link hostDriver}.
 */
export function joinTypeOrm(host: HostTypeOrm, options: JoinOptions = {}): Database {
  return new Database(typeOrmDriver(host, options.poolSize), options);
}

/** The database behind a driver: one that {@link hostDriver} makes of another client, or one of your own. */
export function joinHost(driver: SqlDriver, options: SessionOptions = {}): Database {
  return new Database(driver, options);
}
