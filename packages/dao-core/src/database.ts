import { parseDatabaseUrl } from "./connection-string/database-url.ts";
import type { CallOptions } from "./contract/call-options.ts";
import { UnavailableError, ValidationError } from "./contract/errors.ts";
import { DriverSession } from "./dao/sql-session.ts";
import type { SessionOptions } from "./dao/statement/session-statements.ts";
import type { Finding } from "./diagnosis/diagnose.ts";
import { DrizzleDriver } from "./drivers/drizzle.ts";
import type { HostDrizzle } from "./drivers/drizzle-connection.ts";
import { PgDriver, type PgDriverOptions } from "./drivers/pg.ts";
import type { HostPgPool } from "./drivers/pg-connection.ts";
import { PgliteDriver } from "./drivers/pglite/pglite.ts";
import { PostgresDriver, type PostgresDriverOptions } from "./drivers/postgres/driver.ts";
import { migrate } from "./migrations/migrate.ts";
import type { MigrationOptions, MigrationReport } from "./migrations/migration-report.ts";
import { type MigrationPlanText, planMigrations } from "./migrations/plan-migrations.ts";
import { SchemaCheck } from "./migrations/schema-check/check-schema.ts";
import type { SqlDriver } from "./session/driver.ts";
import { databaseErrorFacts, toDaoError } from "./session/postgres-errors.ts";

/** How to open a database. PGlite, which has one connection and no network, heeds only what {@link SessionOptions} has. */
export interface DatabaseOptions extends PostgresDriverOptions, SessionOptions {}

/** An open database: a session, and what concerns the whole of it. */
export class Database extends DriverSession implements AsyncDisposable {
  readonly #driver: SqlDriver;
  readonly #schemaCheck: SchemaCheck;
  #wasReady = false;

  constructor(driver: SqlDriver, options?: SessionOptions) {
    const schemaCheck = new SchemaCheck();
    super(driver, options, (error) => schemaCheck.statementFailed(error));
    this.#driver = driver;
    this.#schemaCheck = schemaCheck;
  }

  /** What it is, for a person, such as `PostgreSQL at localhost:5432/flux`. Holds no password. */
  get description(): string {
    return this.#driver.description;
  }

  /**
   * Brings the schema to the version of this code: creates it, updates it, or adopts the schema of the Python service. What
   * was changed outside the migrations it repairs if that needs no guess about rows, and refuses otherwise. Safe to call from
   * many processes at once; all of it happens in one transaction. It never runs by itself.
   * @throws SchemaVersionError when the database is newer than the code, or holds something else
   */
  migrate(options?: MigrationOptions): Promise<MigrationReport> {
    return migrate(this.#driver, options);
  }

  /**
   * What {@link migrate} would do, as SQL for those who apply it by hand. Changes nothing.
   * @throws SchemaVersionError as `migrate` does; UnavailableError
   */
  planMigrations(options?: CallOptions): Promise<MigrationPlanText> {
    return planMigrations(this.#driver, options);
  }

  /**
   * Resolves when the database takes reads and writes, and its schema is the one that this code needs: tables, columns,
   * types, constraints, privileges. It may be called every second: it is one statement that reads one row; the schema itself
   * is looked at by the first call, every 5 s, and after a statement failed by it or lost its connection. It waits for no
   * connection of a busy pool, but opens one more for the moment; where the server has no room for that, the last look counts.
   * @throws UnavailableError, also where the server takes no writes (a hot standby); SchemaVersionError that says what differs
   */
  async checkReady(options?: CallOptions): Promise<void> {
    try {
      await this.#schemaCheck.run(this.#driver.probe ?? this.#driver, options);
      this.#wasReady = true;
    } catch (error) {
      const code = error instanceof UnavailableError ? databaseErrorFacts(error.cause)?.code : undefined;
      // No write may come to find it out while a load balancer takes this process for not ready.
      if (code === "25006") this.#driver.replaceConnections?.();
      const isInUse = (this.#driver.pool?.usage.used ?? 1) > 0;
      // The server says that it is there, and takes no more connections.
      if (this.#wasReady && isInUse && code === "53300") return;
      this.#wasReady = false;
      throw error;
    }
  }

  /**
   * Looks at the database as whoever runs it would: the server's version, the schema and what was changed past the
   * migrations, rules that rows break, the role's privileges, the clock; of an embedded database also whether its indexes
   * have the rows of their tables, which takes as long as to read all of it. Each finding says what to fix. Changes nothing.
   * @throws UnavailableError when the database does not answer
   */
  async diagnose(options?: CallOptions): Promise<Finding[]> {
    // Not needed to work with the database.
    const { diagnose } = await import("./diagnosis/diagnose.ts");
    return diagnose(this.#driver, options);
  }

  /**
   * Lets running statements finish, then closes every connection; what is called later is refused. A host's database
   * that was joined is not closed, and goes on.
   * @param timeout milliseconds to wait for running statements; default 5,000
   */
  async close(timeout?: number): Promise<void> {
    try {
      await this.#driver.close(timeout);
    } finally {
      this.telemetry?.closed();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** What a server says of a connection parameter that it does not know, or of a value that it does not take. */
const settingCodes: ReadonlySet<string> = new Set(["42704", "22023"]);

/**
 * Opens a database, and makes sure that it answers.
 *
 * ```ts
 * await using db = await openDatabase(process.env.DATABASE_URL);
 * await db.migrate();
 * ```
 *
 * @param url `postgres://user:password@host:5432/database`; `memory://` or a folder (`./data`) for an embedded database
 *   (needs `@electric-sql/pglite`). One process can have a folder open at a time, and once; other users cannot read it
 * @throws ValidationError for a malformed URL or option; UnavailableError when the database does not answer, or the folder is
 *   open already, or cannot be used
 */
export async function openDatabase(url: string | undefined, options: DatabaseOptions = {}): Promise<Database> {
  const location = parseDatabaseUrl(url);
  if (location.kind === "memory") return new Database(await PgliteDriver.open(undefined, options), options);
  if (location.kind === "folder") return new Database(await PgliteDriver.open(location.path, options), options);
  const driver = new PostgresDriver(location, options);
  try {
    await driver.execute("select 1", []);
  } catch (error) {
    await driver.close(0);
    if (settingCodes.has(databaseErrorFacts(error)?.code ?? "")) {
      const message = "has a parameter, or came with an option, that the server does not take: look behind its ?";
      throw new ValidationError([{ path: "The database URL", message }], { cause: error });
    }
    const reason = toDaoError(error);
    if (!(reason instanceof UnavailableError)) throw reason;
    throw new UnavailableError(`Cannot open ${location.description}. ${reason.message}`, { cause: error });
  }
  return new Database(driver, options);
}

/** How to use a host's `pg.Pool`. */
export interface JoinPgPoolOptions extends PgDriverOptions, SessionOptions {}

/**
 * The database over a host's own `pg.Pool`, for a host that has one already: one pool, one limit of connections.
 *
 * ```ts
 * const services = createDaoServices(joinPgPool(pool));
 * ```
 *
 * The pool is left as it is, its parsers and settings included, and `close` does not end it. Results come as text and are
 * read by parsers of our own; a pool with `binary: true` cannot be used. What {@link openDatabase} sets when it connects is
 * the host's here: the `search_path`, on which the schema of the tables must be; the time-outs; any `TimeZone`; and the
 * `DateStyle`, which must be ISO, as it is unless somebody changed it. Give the pool an `error` listener, as `pg` asks of
 * every host: it is told of idle clients that were lost.
 *
 * A prepared statement that no longer fits, after ALTER TABLE or DEALLOCATE ALL, is run once more, on another client; inside a
 * unit of work it is a `RetryableError`, which `retries` covers. Its client is dropped, and so is one whose server takes no
 * writes, which is an `UnavailableError`.
 *
 * A call whose signal aborts stops waiting for a client at once; a statement that runs is cancelled over another client of
 * the pool, and given up after a second where there is none; its own client is dropped.
 */
export function joinPgPool(pool: HostPgPool, options: JoinPgPoolOptions = {}): Database {
  return new Database(new PgDriver(pool, options), options);
}

/**
 * The database as a host's own Drizzle instance or open transaction sees it, on whichever driver: our rows and the host's
 * in one transaction. A transaction is joined and never committed; the host's client is left as it is, and `close` does
 * not close it.
 */
export function joinDrizzle(host: HostDrizzle, options: SessionOptions = {}): Database {
  return new Database(new DrizzleDriver(host), options);
}
