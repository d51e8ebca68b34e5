import { isDaoError, RetryableError, SchemaVersionError, UnavailableError } from "../contract/errors.ts";
import { isError } from "../contract/fields/realms.ts";
import { databaseErrorFacts, toDaoError } from "../session/postgres-errors.ts";

export interface MigrationProgress {
  readonly schema: string;
  /** The schema's version before the migration, once it is known. */
  from?: number;
  readonly to: number;
  /** What is being done; completes "… failed at". */
  step: string;
  /** What to do if rows violate what the step requires. */
  advice?: string | undefined;
  /** Whether the step is online, so that the version is reached already. */
  readonly isOnline?: boolean;
}

const EXISTING_OBJECT =
  "an object with a required name already exists; the error's cause names it. Rename or drop it; or, if the journal has lost " +
  "the row of a migration, insert it again as planMigrations() writes it.";

/** What keeps a migration from being applied, by SQLSTATE. */
const obstacles: Readonly<Record<string, string>> = {
  "42501":
    "the database role lacks a privilege. Run migrate() as the owner of the tables with CREATE on the schema (or on the database, if " +
    "the schema is missing), or have such a role run the SQL that planMigrations() writes.",
  "42701": EXISTING_OBJECT,
  "42710": EXISTING_OBJECT,
  "42P07": EXISTING_OBJECT,
};

/** What may be different at another time or on another server, by SQLSTATE. */
const passingObstacles: Readonly<Record<string, string>> = {
  "25006":
    "the database is read-only. Run migrate() on the primary server, as a role whose transactions are not read-only by default.",
  "55P03":
    "a lock was not available in time. Run migrate() again when long transactions have ended, or with a longer lockTimeout or " +
    "waitTimeout.",
  "57014":
    "the statement was cancelled or timed out. Run migrate() again, with a longer statementTimeout; an index is built with that " +
    "of the client or the role, if the client is the application's or behind a pooler.",
};

/** Translates an error of the driver by its SQLSTATE to what `migrate()` throws. Other errors are returned unchanged. */
export function toMigrationError(error: unknown, progress: MigrationProgress): unknown {
  const code = databaseErrorFacts(error)?.code;
  if (isDaoError(error) || code === undefined) return error;
  const { schema, from, to, step, advice, isOnline = false } = progress;
  const start = from === undefined ? "" : ` from version ${from}`;
  const failed = isOnline
    ? `The schema ${schema} is at version ${to}, and can be used, but ${step} failed:`
    : `Migrating the schema ${schema}${start} to version ${to} failed at ${step}, and nothing was changed:`;
  const refused = (why: string) => new SchemaVersionError(`${failed} ${why}`, { cause: error });
  const passing = passingObstacles[code];
  if (passing !== undefined) return new UnavailableError(`${failed} ${passing}`, { cause: error });
  const obstacle = obstacles[code];
  if (obstacle !== undefined) return refused(obstacle);
  // Dependent objects still exist
  if (code === "2BP01") {
    const dependent = serverText(error, "detail") ?? "another object uses one of the types";
    return refused(`${dependent}. Make that object use another type, or drop it, then run migrate() again.`);
  }
  if (advice !== undefined && code.startsWith("23")) {
    return refused(`some rows violate it. ${advice} Fix them, then run migrate() again.`);
  }
  // Of two sessions that create the same schema at once, one waits for the other, and then violates a key of the catalog.
  const isKeyOfSchemas = serverText(error, "message")?.includes("pg_namespace_nspname_index") === true;
  if (code === "42P06" || (code === "23505" && isKeyOfSchemas)) {
    const why = "another session has just created the schema. Run migrate() again.";
    return new RetryableError(`${failed} ${why}`, { cause: error });
  }
  const translated = toDaoError(error);
  if (translated instanceof UnavailableError || translated instanceof RetryableError) return translated;
  const isSqlState = /^[0-9A-Z]{5}$/.test(code);
  return isSqlState ? refused(`${serverText(error, "message")}. Fix that, then run migrate() again.`) : translated;
}

/** Returns the server's own text, from an error that an ORM may have wrapped. For DDL it names tables and columns, no values. */
function serverText(error: unknown, field: "message" | "detail"): string | undefined {
  if (!isError(error)) return undefined;
  if (!("code" in error)) return serverText(error.cause, field);
  const text: unknown = Reflect.get(error, field);
  return typeof text === "string" ? text.replace(/\.$/, "") : undefined;
}
