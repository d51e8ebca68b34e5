import { MIGRATIONS, MIGRATIONS_FINGERPRINT, PYTHON_SERVICE_TAKEOVER } from "./migrations.gen.ts";

/** One step of the schema, as drizzle-kit generated it. */
export interface Migration {
  /** 1 for the first, without gaps: the version of the schema once it is applied. */
  readonly version: number;
  /** Its file in `drizzle/` without the extension, such as `0000_initial`. */
  readonly name: string;
  /** SHA-256 of the file, in hex. It is kept in the journal and shows a file that was changed after it was applied. */
  readonly checksum: string;
  /** Statements separated by `--> statement-breakpoint`. */
  readonly sql: string;
}

/** Everything that this code knows about making the schema. */
export interface MigrationSet {
  /** At least one, by ascending version. */
  readonly migrations: readonly Migration[];
  /** What brings a database of the Python service to version 1; separated like a migration's statements. */
  readonly takeover: string;
}

/** The migrations that this package carries. */
export const embeddedMigrations: MigrationSet = { migrations: MIGRATIONS, takeover: PYTHON_SERVICE_TAKEOVER };

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
