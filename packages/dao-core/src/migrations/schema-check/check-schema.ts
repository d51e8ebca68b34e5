import type { CallOptions } from "../../contract/call-options.ts";
import { SchemaVersionError, UnavailableError } from "../../contract/errors.ts";
import type { SqlExecutor } from "../../session/driver.ts";
import { databaseErrorFacts, isConnectionLoss, toDaoError } from "../../session/postgres-errors.ts";
import { JOURNAL_TABLE, newerSchemaError, unreadableJournalError } from "../journal.ts";
import { embeddedMigrations, schemaVersion } from "../migration-set.ts";
import { findObstacles, findSchemaDifferences } from "./schema-differences.ts";
import { schemaDifferenceError } from "./schema-error.ts";
import { readSchemaFacts } from "./schema-facts.ts";

/** Milliseconds for which a close look at the schema holds. */
const CLOSE_LOOK_HOLDS = 5_000;

/** SQLSTATEs that say that the schema is another: of tables, columns, types, privileges, plans, ON CONFLICT, replica identities. */
const schemaCodes: ReadonlySet<string> = new Set([
  "42P01",
  "42703",
  "42704",
  "42804",
  "42501",
  "0A000",
  "42P10",
  "55000",
]);

const NEEDED = schemaVersion(embeddedMigrations);

/**
 * Whether a database can be worked with: it takes writes, and its schema is the one that this code needs. Each run is one
 * statement that reads one row, so that a readiness probe can ask every second. The tables, columns, types and constraints
 * themselves are looked at by the first run, every {@link CLOSE_LOOK_HOLDS} ms, after what {@link statementFailed} was told
 * of, and as long as they are not as they should be.
 */
export class SchemaCheck {
  #holdsUntil = 0;

  /** @throws SchemaVersionError that says what differs and what to do; UnavailableError, also where no write is taken */
  async run(executor: SqlExecutor, options?: CallOptions): Promise<void> {
    try {
      await checkVersion(executor, options);
      if (performance.now() < this.#holdsUntil) return;
      const begun = performance.now();
      await lookClosely(executor, options);
      this.#holdsUntil = begun + CLOSE_LOOK_HOLDS;
    } catch (error) {
      this.#holdsUntil = 0;
      throw toDaoError(error);
    }
  }

  /** Has the next run look closely if `error` is of a lost connection, behind which there may be another server, or the schema. */
  statementFailed(error: unknown): void {
    const code = databaseErrorFacts(error)?.code;
    if (code !== undefined && (schemaCodes.has(code) || isConnectionLoss(code))) this.#holdsUntil = 0;
  }
}

/** A {@link SchemaCheck} that looks closely at once. */
export function checkSchema(executor: SqlExecutor, options?: CallOptions): Promise<void> {
  return new SchemaCheck().run(executor, options);
}

/** Why no write would be taken; NULL where it would. */
const READ_ONLY = `case when pg_is_in_recovery() then 'it is a hot standby'
  when current_setting('transaction_read_only') = 'on' then 'its transactions are read-only (default_transaction_read_only)' end`;

async function checkVersion(executor: SqlExecutor, options?: CallOptions): Promise<void> {
  const [found, readOnly, hidesRows] = await readVersion(executor, options);
  if (found > NEEDED) throw newerSchemaError(found, NEEDED);
  if (typeof readOnly === "string") {
    throw new UnavailableError(
      `The database takes no writes: ${readOnly}. Connect to the primary, or wait until it takes them again.`,
      { cause: Object.assign(new Error(`No write was tried: ${readOnly}.`), { code: "25006" }) },
    );
  }
  if (found < NEEDED && hidesRows === true) {
    throw new SchemaVersionError(
      `Whether the database's schema is at version ${NEEDED}, which this code needs, cannot be seen: row-level security hides ` +
        "rows of the table flux_dao_migrations from the database role. Disable it on that table, or give the role a policy by " +
        "which it may read all of them.",
    );
  }
  if (found === 0) throw absentSchemaError();
  if (found < NEEDED) {
    throw new SchemaVersionError(
      `The database's schema is at version ${found}, older than version ${NEEDED}, which this code needs. Run migrate().`,
    );
  }
}

async function readVersion(
  executor: SqlExecutor,
  options?: CallOptions,
): Promise<[version: number, readOnly: unknown, hidesRows: unknown]> {
  try {
    const text = `select max(version) as version, ${READ_ONLY} as read_only,
      row_security_active('${JOURNAL_TABLE}') as hides_rows from ${JOURNAL_TABLE}`;
    const { rows } = await executor.execute(text, [], options);
    return [Number(rows[0]?.[0] ?? 0), rows[0]?.[1], rows[0]?.[2]];
  } catch (error) {
    switch (databaseErrorFacts(error)?.code) {
      case "42P01": // no such table
        throw absentSchemaError(error);
      case "42501": // insufficient privilege
        throw new SchemaVersionError(
          `Whether the database's schema is at version ${NEEDED}, which this code needs, cannot be seen: the database ` +
            "role may not read the table flux_dao_migrations. Grant it SELECT, and USAGE on the schema public.",
          { cause: error },
        );
      case "42703": // no such column
        throw unreadableJournalError(error);
      default:
        throw error;
    }
  }
}

/** Without SQL and names of roles: whoever may ask for `/ready` reads it. */
const ADVICE =
  "Run migrate() (flux-dao migrate), or diagnose() (flux-dao doctor), which say what to do about what they cannot put right.";

async function lookClosely(executor: SqlExecutor, options?: CallOptions): Promise<void> {
  const { shape } = embeddedMigrations;
  const facts = await readSchemaFacts(executor, shape, options);
  if (!facts.some(({ kind }) => kind === "table")) {
    throw new SchemaVersionError(
      `The journal flux_dao_migrations says version ${NEEDED}, which this code needs, but none of the tables is there. ` +
        "Restore them from a backup, or run migrate(), which makes them again, empty.",
    );
  }
  const differences = findSchemaDifferences(facts, shape).filter(({ isBearable }) => isBearable !== true);
  const problems = [...differences, ...findObstacles(facts)];
  if (problems.length > 0) throw schemaDifferenceError(problems, NEEDED, ADVICE);
}

function absentSchemaError(cause?: unknown): SchemaVersionError {
  return new SchemaVersionError(
    `The database has no schema of ours yet (version 0); this code needs version ${NEEDED}. Run migrate().`,
    { cause },
  );
}
