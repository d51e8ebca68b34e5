import type { CallOptions } from "../contract/call-options.ts";
import { SchemaVersionError } from "../contract/errors.ts";
import type { SqlExecutor } from "../session/driver.ts";
import { databaseErrorFacts, toDaoError } from "../session/postgres-errors.ts";
import { JOURNAL_TABLE, newerSchemaError } from "./journal.ts";
import { embeddedMigrations, schemaVersion } from "./migration-set.ts";

/**
 * Resolves when the database's schema is the one that this code needs. One statement that reads one row, so that a
 * readiness probe can call it every second.
 * @throws SchemaVersionError when the schema is absent, older (run `migrate()`), or newer; UnavailableError
 */
export async function checkSchema(executor: SqlExecutor, options?: CallOptions): Promise<void> {
  const needed = schemaVersion(embeddedMigrations);
  const found = await readVersion(executor, needed, options);
  if (found === needed) return;
  if (found > needed) throw newerSchemaError(found, needed);
  if (found === 0) throw absentSchemaError(needed);
  throw new SchemaVersionError(
    `The database's schema is at version ${found}, older than version ${needed}, which this code needs. Run migrate().`,
  );
}

async function readVersion(executor: SqlExecutor, needed: number, options?: CallOptions): Promise<number> {
  try {
    const { rows } = await executor.execute(`select max(version) as version from ${JOURNAL_TABLE}`, [], options);
    return Number(rows[0]?.[0] ?? 0);
  } catch (error) {
    switch (databaseErrorFacts(error)?.code) {
      case "42P01": // no such table
        throw absentSchemaError(needed, error);
      case "42501": // insufficient privilege
        throw new SchemaVersionError(
          `Whether the database's schema is at version ${needed}, which this code needs, cannot be seen: the database ` +
            "role may not read the table flux_dao_migrations. Grant it SELECT.",
          { cause: error },
        );
      default:
        throw toDaoError(error);
    }
  }
}

function absentSchemaError(needed: number, cause?: unknown): SchemaVersionError {
  return new SchemaVersionError(
    `The database has no schema of ours yet (version 0); this code needs version ${needed}. Run migrate().`,
    { cause },
  );
}
