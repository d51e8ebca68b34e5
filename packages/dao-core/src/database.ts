import { ChangeTails, sqlChangeFeed } from "./changes/change-feed.ts";
import { parseDatabaseUrl } from "./connection-string/database-url.ts";
import type { Environment } from "./connection-string/parameters.ts";
import { checkTlsFiles } from "./connection-string/tls.ts";
import { refuseSensitive } from "./connection-string/unsupported.ts";
import type { CallOptions } from "./contract/call-options.ts";
import { UnavailableError, ValidationError } from "./contract/errors.ts";
import { isError } from "./contract/fields/realms.ts";
import type { DatabasePosition } from "./contract/fields/scalars.ts";
import { invalid } from "./contract/fields/validation.ts";
import { SqlConversationDao } from "./dao/conversation-dao.ts";
import { SqlDemoFlagsDao } from "./dao/demo-flags-dao.ts";
import { milestoneStatements, userStatements } from "./dao/entities.ts";
import { SqlGoalDao } from "./dao/goal-dao.ts";
import { SqlIdempotencyKeyDao } from "./dao/idempotency-key-dao.ts";
import { SqlPieceReads } from "./dao/list/sql-piece-reads.ts";
import { TableDao } from "./dao/table-dao.ts";
import { SqlTaskDao } from "./dao/task-dao.ts";
import type { Finding } from "./diagnosis/diagnose.ts";
import type { PostgresDriverOptions } from "./drivers/postgres/driver-options.ts";
import type { MigrationReport } from "./migrations/migrate.ts";
import type { SchemasMigrationOptions, SchemasMigrationReport } from "./migrations/migrate-schemas.ts";
import type { MigrationOptions, PlanOptions } from "./migrations/migration-set.ts";
import type { MigrationPlanText } from "./migrations/plan.ts";
import type { schemaCheck } from "./migrations/schema-check/check-schema.ts";
import { SchemaName } from "./schema/schema-name.ts";
import type { ChangeFeed, Daos } from "./session/database-session.ts";
import type { SchemaExecutor, SqlDriver } from "./session/driver.ts";
import type { Retry, StatementHooks, StatementReport } from "./session/executor.ts";
import type { Telemetry } from "./session/instrumentation.ts";
import {
  DEFAULT_CHANGES_RETENTION,
  DEFAULT_CONVERSATION_BYTES,
  isWholeNumber,
  milliseconds,
} from "./session/limits.ts";
import { databaseErrorFacts, isReadOnlyError, isServerFull, toDaoError } from "./session/postgres-errors.ts";
import { replicationOf } from "./session/replication.ts";
import { DriverSession } from "./session/session.ts";
import { misuse } from "./session/transaction/transaction-context.ts";
import { withDeadline } from "./session/waiting/deadline.ts";

/** Which schema a database's tables are in, and how its statements are instrumented and limited. */
export interface SessionOptions {
  /** The schema of the tables, which `migrate` creates and all statements name: a `search_path` does nothing. Default `public`. */
  readonly schema?: string | undefined;
  /**
   * Called before a single statement that ended in a serialization failure or deadlock (40001, 40P01) is retried, for counting or
   * logging; an error thrown here ends the attempts. Units of work have their own.
   */
  readonly onRetry?: ((retry: Retry) => void) | undefined;
  /**
   * Called after each statement, in and outside of units of work, for measuring or logging: once per attempt, but not for
   * BEGIN, COMMIT and savepoints. An error thrown here is ignored.
   */
  readonly onStatement?: ((statement: StatementReport) => void) | undefined;
  /** Makes spans and metrics: `databaseTelemetry()` of `@flux/dao-core/opentelemetry`. Default: none. */
  readonly telemetry?: Telemetry | undefined;
  /**
   * Maximum bytes of a conversation's messages as JSON text. More is a `ValidationError` whose `isTooLarge` is `true`. A longer
   * stored conversation can still be read, and shortened. Default 8,388,608 (8 MiB).
   */
  readonly maxConversationBytes?: number | undefined;
  /** Milliseconds that changes are kept ({@link ChangeFeed.deleteExpired}); older cursors expire. Default 604,800,000, 7 days. */
  readonly changesRetention?: number | undefined;
  /**
   * Whether the database is only read, as a hot standby is: every write, also by `migrate`, is refused at once with a
   * UnitOfWorkMisuseError, and `checkReady` accepts a standby and a role that may only read. Default `false`.
   */
  readonly readOnly?: boolean | undefined;
  /**
   * Milliseconds by which a standby may lag behind its primary; if it is more, or not known, `checkReady` rejects. The lag is 0
   * while everything that was received is replayed, and grows while the standby is not connected to its primary. Default 10,000.
   */
  readonly maxLag?: number | undefined;
}

/** How to open a database. PGlite respects only {@link SessionOptions} and `idleInTransactionTimeout`. */
export interface DatabaseOptions extends PostgresDriverOptions, SessionOptions {
  /** Whether to wait until the server responds; `false` connects when it is first used, so that it may be down. Default `true`. */
  readonly verify?: boolean | undefined;
  /** Variables, of which the `PG*` ones say what the URL does not. Default `process.env`. */
  readonly environment?: Environment | undefined;
}

/** What the sessions of all schemas of a database have in common. */
interface DatabaseSettings extends Omit<StatementHooks, "schema" | "onFailure"> {
  readonly maxConversationBytes: number;
  readonly changesRetention: number;
  readonly changeTails: ChangeTails;
}

/** A session on the tables of one schema, and what concerns the whole schema. */
export class SchemaSession extends DriverSession {
  readonly #settings: DatabaseSettings;
  #schemaCheck: ReturnType<typeof schemaCheck> | undefined;
  #wasReady = false;
  #changes: ChangeFeed | undefined;

  constructor(driver: SqlDriver, schema: SchemaName, settings: DatabaseSettings) {
    super(driver, {
      daosOn: (executor) => daosOn(executor, settings.maxConversationBytes),
      piecesOn: (executor) => new SqlPieceReads(executor),
      hooks: { ...settings, schema, onFailure: (error) => this.#schemaCheck?.statementFailed(error) },
    });
    this.#settings = settings;
  }

  /** Every committed change, which services return as `changes`. Absent in an application's transaction. */
  get changes(): ChangeFeed | undefined {
    if (this.isTransaction) return undefined;
    const { changeTails: tails, changesRetention: retention, isReadOnly } = this.#settings;
    this.#changes ??= sqlChangeFeed(this.executor, this.driver, { tails, retention, isReadOnly });
    return this.#changes;
  }

  /**
   * The same tables in another schema, such as that of another tenant, on the same connections and with the same options.
   * Creating it is free, and so is using a connection for it; but keep it, since it caches the text of its statements.
   *
   * ```ts
   * const { tasks } = createDaoServices(db.withSchema("tenant_7"));
   * ```
   * @throws ValidationError for what cannot be a schema's name
   */
  withSchema(schema: string): SchemaSession {
    return new SchemaSession(this.driver, new SchemaName(schema), this.#settings);
  }

  /**
   * Brings the schema to the version of this code: creates it, updates it, or adopts the schema of the Python service. Repairs
   * changes made outside the migrations if no guess about rows is needed, and otherwise throws. Safe to call from many processes
   * at once; all of it happens in one transaction, except for the migrations' online steps, which follow it. It never runs by
   * itself.
   * @throws SchemaVersionError if the database is newer than the code supports, or has other tables
   */
  async migrate(options?: MigrationOptions): Promise<MigrationReport> {
    this.assertWritable();
    const { migrate } = await import("./migrations/migrate.ts");
    return migrate(this.driver, this.executor.schema, options);
  }

  /** What {@link migrate} would do, as SQL; changes nothing. @throws SchemaVersionError as `migrate` does; UnavailableError */
  async planMigrations(options?: CallOptions & PlanOptions): Promise<MigrationPlanText> {
    const { planMigrations } = await import("./migrations/plan.ts");
    return planMigrations(this.driver, this.executor.schema, options);
  }

  /**
   * Resolves if the database accepts reads and writes, and its schema is the one that this code needs: tables, columns, types,
   * constraints, privileges; or a newer one that is compatible with this code. With `readOnly` it need accept no writes, but must not lag by more than `maxLag`. It may be called
   * every second: it is one statement that reads a few rows; the schema itself is compared on the first call, every 5 s, and after a
   * statement failed because of the schema or lost its connection. It does not wait for a busy pool of ours or `pg`, but opens one
   * more connection; if the server permits no more, the last result counts.
   * @throws UnavailableError, also if the server is read-only (a hot standby) and the database is not, or if it lags;
   *   SchemaVersionError, which says what differs
   */
  async checkReady(options?: CallOptions): Promise<void> {
    const probe = this.driver.probe ?? this.driver;
    try {
      const { schemaCheck } = await import("./migrations/schema-check/check-schema.ts");
      this.#schemaCheck ??= schemaCheck(this.executor.schema, this.#settings.isReadOnly);
      await this.#schemaCheck.run(probe, options);
      if (this.#settings.isReadOnly) await this.#settings.replication.checkLag(probe, options);
      this.#wasReady = true;
    } catch (error) {
      const cause = error instanceof UnavailableError ? error.cause : undefined;
      // While a load balancer keeps requests away, no write would discover this.
      if (isReadOnlyError(cause)) this.driver.replaceConnections?.();
      const isInUse = (this.driver.pool?.usage.used ?? 1) > 0;
      // The server is up, but permits no more connections.
      if (this.#wasReady && isInUse && isServerFull(cause)) return;
      this.#wasReady = false;
      throw error;
    }
  }

  /**
   * Checks what an operator would: the server's version, the schema and changes made outside the migrations, rules that rows
   * break, the role's privileges, the clock; for an embedded database also whether its indexes match their tables, which reads
   * all of it. Each finding says what to fix. Changes nothing.
   * @throws UnavailableError when the database does not respond
   */
  async diagnose(options?: CallOptions): Promise<Finding[]> {
    // Not needed to work with the database.
    const { diagnose } = await import("./diagnosis/diagnose.ts");
    const { isReadOnly, replication } = this.#settings;
    return diagnose({ driver: this.driver, schema: this.executor.schema, readOnly: isReadOnly, replication, options });
  }

  /**
   * The position that covers every commit before this call, for `readAfter` of reads from a standby; on a standby, what it has
   * replayed. Call it after a unit of work, not inside. An embedded database has positions, too, though no standby.
   *
   * ```ts
   * const goal = await goals.createGoal({ userId, title });
   * const readAfter = await db.position();
   * await createDaoServices(replica).goals.getGoal(goal.id, { readAfter });
   * ```
   * @throws UnavailableError
   */
  position(options?: CallOptions): Promise<DatabasePosition> {
    return this.#settings.replication.position(this.executor, options);
  }

  /**
   * Resolves once the server has replayed a position, without a connection while it waits; at once if that is known, or the server
   * is a primary. {@link CallOptions.readAfter} does the same within a call.
   * @throws ValidationError for what is no position; UnavailableError after the `timeout`, or 30 s
   */
  async waitForPosition(position: string, options: CallOptions = {}): Promise<void> {
    const { replication } = this.#settings;
    if (!replication.hasReached(position))
      await withDeadline(options, (bounded) => replication.reach(position, bounded));
  }

  /** With `readOnly`, whether the server is a standby, as far as the last {@link checkReady} tells: one may be promoted. */
  get isStandby(): boolean {
    return this.#settings.replication.isStandby;
  }

  /** Whether data may be older than `maxLag`, as far as the last {@link checkReady} tells; of a primary it never is. */
  get mayBeStale(): boolean {
    return this.#settings.replication.mayBeStale;
  }

  /** @throws UnitOfWorkMisuseError if the database was opened for reads */
  protected assertWritable(): void {
    if (this.#settings.isReadOnly) throw misuse("databaseIsReadOnly");
  }
}

/** An open database: the session of its own schema, and of others by {@link withSchema}. */
export class Database extends SchemaSession implements AsyncDisposable {
  readonly #changeTails: ChangeTails;

  /** @throws ValidationError for an invalid `schema`, `maxConversationBytes` or `changesRetention` */
  constructor(driver: SqlDriver, options: SessionOptions = {}) {
    const {
      schema,
      telemetry,
      maxConversationBytes,
      onRetry,
      onStatement,
      readOnly: isReadOnly = false,
      maxLag,
    } = options;
    const { changesRetention = DEFAULT_CHANGES_RETENTION } = options;
    const changeTails = new ChangeTails();
    super(driver, new SchemaName(schema), {
      onRetry,
      onStatement,
      isReadOnly,
      telemetry: telemetry?.instrument(driver),
      maxConversationBytes: conversationLimit(maxConversationBytes),
      replication: replicationOf(driver, maxLag),
      changesRetention: milliseconds("changesRetention", changesRetention, 1, Number.MAX_SAFE_INTEGER),
      changeTails,
    });
    this.#changeTails = changeTails;
  }

  /** A description for people, such as `PostgreSQL at localhost:5432/flux`. Contains no password. */
  get description(): string {
    return this.driver.description;
  }

  /**
   * The schemas that match these names, in alphabetical order; `*` stands for any characters. A name without one is returned
   * whether or not there is such a schema. PostgreSQL's own schemas are omitted.
   * @throws ValidationError if nothing matches; UnavailableError
   */
  async findSchemas(patterns: readonly string[], options?: CallOptions): Promise<string[]> {
    const { findSchemas } = await import("./migrations/migrate-schemas.ts");
    return findSchemas(this.driver, patterns, options);
  }

  /**
   * Migrates many schemas, several at a time, each in a transaction of its own. A schema that fails is reported, and the others
   * are still migrated. After an interruption call it again: schemas that are done take a moment.
   * @throws ValidationError if no schema matches; UnavailableError when the schemas cannot be listed; the signal's reason
   */
  override migrate(options: SchemasMigrationOptions): Promise<SchemasMigrationReport>;
  override migrate(options?: MigrationOptions): Promise<MigrationReport>;
  override async migrate(
    options?: MigrationOptions | SchemasMigrationOptions,
  ): Promise<MigrationReport | SchemasMigrationReport> {
    if (options === undefined || !("schemas" in options)) return super.migrate(options);
    this.assertWritable();
    const { migrateSchemas } = await import("./migrations/migrate-schemas.ts");
    return migrateSchemas(this.driver, options);
  }

  /**
   * Lets running statements finish, then closes every connection; later calls are rejected. An application's own pool or
   * transaction stays open. Followers of changes end.
   * @param timeout milliseconds to wait for running statements; default 5,000
   * @throws ValidationError for what is no time
   */
  async close(timeout?: number): Promise<void> {
    const isTime = timeout === undefined || (typeof timeout === "number" && timeout >= 0);
    if (!isTime) throw invalid("timeout", "must be a number of milliseconds");
    this.#changeTails.close();
    return this.driver.close(timeout);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

function daosOn(executor: SchemaExecutor, maxConversationBytes: number): Daos {
  return {
    users: new TableDao(executor, userStatements),
    goals: new SqlGoalDao(executor),
    milestones: new TableDao(executor, milestoneStatements),
    tasks: new SqlTaskDao(executor),
    conversations: new SqlConversationDao(executor, maxConversationBytes),
    demoFlags: new SqlDemoFlagsDao(executor),
    idempotencyKeys: new SqlIdempotencyKeyDao(executor),
  };
}

function conversationLimit(bytes = DEFAULT_CONVERSATION_BYTES): number {
  if (isWholeNumber(bytes, 2)) return bytes;
  throw invalid("maxConversationBytes", "must be a whole number of bytes from 2 on");
}

/** The server's codes for an unknown connection parameter, or an invalid value. */
const settingCodes: ReadonlySet<string> = new Set(["42704", "22023"]);

/**
 * Opens a database and verifies that it responds.
 *
 * ```ts
 * await using db = await openDatabase(process.env.DATABASE_URL);
 * await db.migrate();
 * ```
 *
 * A standby is opened with `readOnly`; see docs/how-to/read-from-a-standby.md.
 *
 * @param url `postgres://user:password@host:5432/database` or another connection string that libpq takes, and for what it does not
 *   say the `PG*` variables and the password file, as libpq reads them; `memory://` or a folder (`./data`) for an embedded database
 *   (needs `@electric-sql/pglite`). Only one process can have a folder open, and only once; other users cannot read it
 * @param options count more than the same of the URL (`connect_timeout`, …)
 * @throws ValidationError for a malformed URL or option; UnavailableError when the database does not respond, or the folder is
 *   open already, or cannot be used
 */
export async function openDatabase(url: string | undefined, options: DatabaseOptions = {}): Promise<Database> {
  const location = parseDatabaseUrl(url, options.environment);
  refuseSensitive(options);
  // A driver is loaded when it is needed: an application with a client of its own needs none.
  if (location.kind !== "postgres") {
    const { openPglite } = await import("./drivers/pglite/pglite.ts");
    const driver = await openPglite(location.kind === "folder" ? location.path : undefined, options);
    return new Database(driver, options);
  }
  const { postgresDriver } = await import("./drivers/postgres/driver.ts");
  await checkTlsFiles(location.servers, location.tls);
  const driver = postgresDriver(location, options);
  if (options.verify === false) return new Database(driver, options);
  try {
    await driver.execute("select 1", [], { kind: "point" });
  } catch (error) {
    await driver.close(0);
    const refusal = isError(error) ? databaseErrorFacts(error.cause) : undefined;
    if (settingCodes.has(refusal?.code ?? "")) {
      const message =
        "has a parameter, or came with an option, that the server does not accept: check what follows its ?";
      throw new ValidationError([{ path: "The database URL", message }], { cause: error });
    }
    const reason = toDaoError(error);
    if (!(reason instanceof UnavailableError)) throw reason;
    throw new UnavailableError(`Cannot open ${location.description}. ${reason.message}`, { cause: error });
  }
  return new Database(driver, options);
}
