import { embeddedMigrations, type MigrationSet, schemaVersion } from "../src/migrations/migration-set.ts";

/** The version that this code needs. */
export const NEWEST = schemaVersion(embeddedMigrations);

/** The names of all migrations, as an empty database's journal gets them. */
export const ALL_NAMES: readonly string[] = embeddedMigrations.migrations.map(({ name }) => name);

/** The migrations of a future release, with these statements in the last one. */
export function withNext(statements: readonly string[], name = "next"): MigrationSet {
  const next = { version: NEWEST + 1, name, checksum: name, statements };
  return { ...embeddedMigrations, migrations: [...embeddedMigrations.migrations, next], shape: undefined };
}
