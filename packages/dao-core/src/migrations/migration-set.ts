import type { Migration } from "./migration.ts";
import { MIGRATIONS, MIGRATIONS_FINGERPRINT, PYTHON_SERVICE_TAKEOVER } from "./migrations.gen.ts";
import { SCHEMA_SHAPE } from "./schema-check/schema-shape.gen.ts";
import type { SchemaShape } from "./schema-check/schema-shape.ts";

/** Everything that this code knows about making the schema. */
export interface MigrationSet {
  /** At least one, by ascending version. */
  readonly migrations: readonly Migration[];
  /** What brings a database of the Python service to version 1; separated like a migration's statements. */
  readonly takeover: string;
  /** What the last of them leads to; `undefined` where that is not known. */
  readonly shape?: SchemaShape | undefined;
}

/** The migrations that this package carries. */
export const embeddedMigrations = {
  migrations: MIGRATIONS,
  takeover: PYTHON_SERVICE_TAKEOVER,
  shape: SCHEMA_SHAPE,
} as const satisfies MigrationSet;

/** The version of the schema that `set` leads to. */
export function schemaVersion({ migrations }: MigrationSet): number {
  return migrations.at(-1)?.version ?? 0;
}

/** The single statements of a migration, in order. */
export function statementsOf(sql: string): string[] {
  return sql
    .split("--> statement-breakpoint")
    .map((statement) => statement.trim())
    .filter((statement) => statement !== "");
}

/**
 * Twelve hex digits that differ wherever the schema that this code makes differs: the name of a template database, for
 * one.
 */
export function migrationsFingerprint(): string {
  return MIGRATIONS_FINGERPRINT;
}
