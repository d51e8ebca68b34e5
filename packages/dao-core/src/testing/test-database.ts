import postgres from "postgres";
import { v7 as uuidv7 } from "uuid";
import { type Database, type DatabaseOptions, openDatabase } from "../database.ts";
import { MIGRATIONS_FINGERPRINT } from "../migrations/migrations.gen.ts";

export interface TestDatabaseOptions extends DatabaseOptions {
  /**
   * The server to create the database on: a URL with a role that may create databases. Default: `TEST_DATABASE_URL`; if that is
   * not set, an embedded database in memory (requires `@electric-sql/pglite`).
   */
  readonly serverUrl?: string | undefined;
  /** Whether the change feed is enabled. Default `false`. */
  readonly changes?: boolean | undefined;
}

/** A migrated, empty database for one test. */
export interface TestDatabase extends AsyncDisposable {
  readonly database: Database;
  /** The URL to open it again; `memory://` if it is embedded, which cannot be opened twice. */
  readonly url: string;
  /** Closes and drops the database. */
  drop(): Promise<void>;
}

/**
 * Creates a migrated, empty database for a test. On a server this takes some 50 ms: it is cloned from a template, which the
 * first call on that server migrates.
 *
 * ```ts
 * await using test = await createTestDatabase();
 * const services = createDaoServices(test.database);
 * ```
 *
 * @throws UnavailableError if the server does not respond
 */
export async function createTestDatabase(options: TestDatabaseOptions = {}): Promise<TestDatabase> {
  const { serverUrl = process.env["TEST_DATABASE_URL"], changes = false, ...databaseOptions } = options;
  if (serverUrl === undefined || serverUrl === "") {
    const database = await openMigrated("memory://", databaseOptions, changes);
    return testDatabase(database, "memory://", () => database.close());
  }
  const name = `flux_test_${uuidv7().replaceAll("-", "")}`;
  await onServer(serverUrl, async (sql) => {
    const template = await migratedTemplate(sql, serverUrl);
    await sql.unsafe(`create database ${name} template ${template}`);
  });
  const url = withDatabase(serverUrl, name);
  const dropDatabase = () => onServer(serverUrl, (sql) => sql.unsafe(`drop database if exists ${name} with (force)`));
  try {
    const isCloned = databaseOptions.schema === undefined || databaseOptions.schema === "public";
    const isDone = isCloned && !changes;
    const database = await (isDone ? openDatabase(url, databaseOptions) : openMigrated(url, databaseOptions, changes));
    return testDatabase(database, url, () => database.close().then(dropDatabase));
  } catch (error) {
    await dropDatabase();
    throw error;
  }
}

async function openMigrated(url: string, options: DatabaseOptions, changes = false): Promise<Database> {
  const database = await openDatabase(url, options);
  try {
    await database.migrate({ changes });
    return database;
  } catch (error) {
    await database.close();
    throw error;
  }
}

function testDatabase(database: Database, url: string, drop: () => Promise<void>): TestDatabase {
  return { database, url, drop, [Symbol.asyncDispose]: drop };
}

/** The template's name contains the schema's fingerprint, so that a changed schema gets a new template. */
async function migratedTemplate(sql: postgres.Sql, serverUrl: string): Promise<string> {
  const name = `flux_template_${MIGRATIONS_FINGERPRINT}`;
  // One at a time, across processes; the lock is released when this connection ends.
  await sql.unsafe("select pg_advisory_lock(7361204)");
  try {
    const [known] = await sql.unsafe("select 1 from pg_database where datname = $1 and datistemplate", [name]);
    if (known !== undefined) return name;
    await sql.unsafe(`drop database if exists ${name} with (force)`);
    await sql.unsafe(`create database ${name}`);
    const database = await openMigrated(withDatabase(serverUrl, name), { poolSize: 1 });
    await database.close();
    await sql.unsafe(`alter database ${name} with is_template true`);
    return name;
  } finally {
    await sql.unsafe("select pg_advisory_unlock(7361204)");
  }
}

async function onServer(serverUrl: string, work: (sql: postgres.Sql) => Promise<unknown>): Promise<void> {
  const sql = postgres(serverUrl, { max: 1, onnotice: () => undefined });
  try {
    await work(sql);
  } finally {
    await sql.end();
  }
}

function withDatabase(serverUrl: string, name: string): string {
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return url.href;
}
