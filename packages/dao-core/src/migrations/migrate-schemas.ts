import type { CallOptions } from "../contract/call-options.ts";
import { invalid } from "../contract/fields/validation.ts";
import { SchemaName } from "../schema/schema-name.ts";
import type { SqlDriver } from "../session/driver.ts";
import { isWholeNumber, MIGRATIONS_AT_A_TIME } from "../session/limits.ts";
import { toDaoError } from "../session/postgres-errors.ts";
import { throwIfAborted } from "../session/waiting/deadline.ts";
import { type MigrationReport, migrate } from "./migrate.ts";
import type { MigrationOptions, MigrationSet } from "./migration-set.ts";

/** Which schemas to migrate, and how. The time-outs apply to each. */
export interface SchemasMigrationOptions extends MigrationOptions {
  /**
   * Their names; `*` stands for any characters, so `["tenant_*"]` are all existing schemas that begin with `tenant_`. A name
   * without one is a schema that is created if it is missing.
   */
  readonly schemas: readonly string[];
  /** How many are migrated at a time; each uses a connection of the pool. Default 4. */
  readonly concurrency?: number | undefined;
  /** Called after each schema, in order of completion; an error thrown here ends the migration. Default: none. */
  readonly onProgress?: ((progress: SchemaMigrated) => void) | undefined;
}

/** One schema is done. */
export interface SchemaMigrated {
  readonly schema: string;
  /** What was done; `undefined` if it failed, with the error. */
  readonly report: MigrationReport | undefined;
  readonly error: unknown;
  /** How many are done, this one included, and how many there are. */
  readonly done: number;
  readonly total: number;
}

/** What `migrate({ schemas })` did, by schema in alphabetical order. */
export interface SchemasMigrationReport {
  readonly migrated: readonly (MigrationReport & { readonly schema: string })[];
  /** The schemas that failed, each with the reason: it says whether the schema is unchanged, or an online step is left. */
  readonly failed: readonly { readonly schema: string; readonly error: unknown }[];
  /** How long the call took, in milliseconds. */
  readonly durationMs: number;
}

export async function migrateSchemas(
  driver: SqlDriver,
  { schemas, concurrency = MIGRATIONS_AT_A_TIME, onProgress, ...options }: SchemasMigrationOptions,
  set?: MigrationSet,
): Promise<SchemasMigrationReport> {
  if (!isWholeNumber(concurrency, 1)) throw invalid("concurrency", "must be a whole number from 1 on");
  const begun = performance.now();
  const names = await findSchemas(driver, schemas, options);
  const left = names.map((name) => new SchemaName(name));
  const ends: SchemaMigrated[] = [];
  const work = async () => {
    for (let schema = left.shift(); schema !== undefined; schema = left.shift()) {
      throwIfAborted(options.signal);
      const end = await migrate(driver, schema, options, set).then(
        (report) => ({ report, error: undefined }),
        (error: unknown) => ({ report: undefined, error }),
      );
      throwIfAborted(options.signal);
      const migrated = { schema: schema.name, ...end, done: ends.length + 1, total: names.length };
      ends.push(migrated);
      onProgress?.(migrated);
    }
  };
  try {
    await Promise.all(Array.from({ length: concurrency }, work));
  } finally {
    // The other workers end after their current schema.
    left.length = 0;
  }
  ends.sort((one, other) => names.indexOf(one.schema) - names.indexOf(other.schema));
  return {
    migrated: ends.flatMap(({ schema, report }) => (report === undefined ? [] : [{ schema, ...report }])),
    failed: ends.flatMap(({ schema, report, error }) => (report === undefined ? [{ schema, error }] : [])),
    durationMs: Math.round(performance.now() - begun),
  };
}

const OF_OTHERS =
  "select nspname::text as name from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema'";

/** The schemas that match, in alphabetical order. @throws ValidationError if a pattern has none, or a name is invalid */
export async function findSchemas(
  driver: SqlDriver,
  patterns: readonly string[],
  { signal }: CallOptions = {},
): Promise<string[]> {
  if (patterns.length === 0) throw invalid("schemas", "must have a name or a pattern");
  const named = patterns.filter((pattern) => !pattern.includes("*"));
  const found = new Set(named.map((name) => new SchemaName(name).name));
  const globs = patterns.filter((pattern) => pattern.includes("*"));
  if (globs.length > 0) {
    const { rows } = await driver.execute(OF_OTHERS, [], { signal }).catch((error: unknown) => {
      throw toDaoError(error);
    });
    for (const glob of globs) {
      const matching = rows.map(([name]) => String(name)).filter((name) => toRegExp(glob).test(name));
      if (matching.length === 0) throw invalid("schemas", `must match a schema: there is none like ${glob}`);
      for (const name of matching) found.add(name);
    }
  }
  return [...found].sort();
}

function toRegExp(pattern: string): RegExp {
  const parts = pattern.split("*").map((part) => part.replace(/[\\^$.|?+()[\]{}]/g, "\\$&"));
  return new RegExp(`^${parts.join(".*")}$`, "s");
}
