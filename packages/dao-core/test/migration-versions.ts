import {
  embeddedMigrations,
  type Migration,
  type MigrationSet,
  schemaVersion,
} from "../src/migrations/migration-set.ts";

/** The version that this code needs. */
export const NEWEST = schemaVersion(embeddedMigrations);

/** The names of all migrations, as an empty database's journal gets them. */
export const ALL_NAMES: readonly string[] = embeddedMigrations.migrations.map(({ name }) => name);

/** A migration of a future release. */
export function nextMigration(sql: string, name = "next"): Migration {
  return { version: NEWEST + 1, name, checksum: name, sql };
}

/** The migrations of a future release. */
export function withNext(sql: string, name?: string): MigrationSet {
  const migrations = [...embeddedMigrations.migrations, nextMigration(sql, name)];
  return { ...embeddedMigrations, migrations, shape: undefined };
}
