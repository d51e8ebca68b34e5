import { isDaoError, RetryableError, SchemaVersionError, UnavailableError } from "../contract/errors.ts";
import { databaseErrorFacts, toDaoError } from "../session/postgres-errors.ts";

/** How far a migration has got. */
export interface MigrationProgress {
  /** The schema's version before the migration, once it is known. */
  from?: number;
  readonly to: number;
  /** What is being done; completes "… failed at". */
  step: string;
  /** What to do if rows violate what the step requires. */
  advice?: string | undefined;
}

/** Translates an error of the driver by its SQLSTATE to what `migrate()` throws. Other errors are returned unchanged. */
export function toMigrationError(error: unknown, { from, to, step, advice }: MigrationProgress): unknown {
  const code = databaseErrorFacts(error)?.code;
  if (isDaoError(error) || code === undefined) return error;
  const start = from === undefined ? "" : ` from version ${from}`;
  const failed = (Failure: typeof SchemaVersionError | typeof UnavailableError, why: string) =>
    new Failure(`Migrating the database${start} to version ${to} failed at ${step}, and nothing was changed: ${why}`, {
      cause: error,
    });
  switch (code) {
    case "42501": // insufficient privilege
      return failed(
        SchemaVersionError,
        "the database role lacks a privilege. Run migrate() as the owner of the tables with CREATE on the schema public, " +
          "or have such a role run the SQL that planMigrations() writes.",
      );
    case "25006": // read-only transaction
      return failed(
        UnavailableError,
        "the database is read-only. Run migrate() on the primary server, as a role whose transactions are not read-only by " +
          "default.",
      );
    case "2BP01": // dependent objects still exist
      return failed(
        SchemaVersionError,
        `${serverText(error, "detail") ?? "another object uses one of the types"}. Make that object use another type, or ` +
          "drop it, then run migrate() again.",
      );
    case "55P03": // lock not available
      return failed(
        UnavailableError,
        "a lock was not available in time. Run migrate() again when long transactions have ended, or with a longer " +
          "lockTimeout or waitTimeout.",
      );
    case "57014": // query canceled
      return failed(
        UnavailableError,
        "the statement was cancelled or timed out. Run migrate() again, with a longer statementTimeout.",
      );
    case "42701": // duplicate column
    case "42710": // duplicate object
    case "42P07": // duplicate table or index
      return failed(
        SchemaVersionError,
        "an object with a required name already exists; the error's cause names it. Rename or drop it; or, if the journal " +
          "has lost the row of a migration, insert it again as planMigrations() writes it.",
      );
  }
  if (advice !== undefined && code.startsWith("23")) {
    return failed(SchemaVersionError, `some rows violate it. ${advice} Fix them, then run migrate() again.`);
  }
  const translated = toDaoError(error);
  if (translated instanceof UnavailableError || translated instanceof RetryableError) return translated;
  const isSqlState = /^[0-9A-Z]{5}$/.test(code);
  if (!isSqlState) return translated;
  return failed(SchemaVersionError, `${serverText(error, "message")}. Fix that, then run migrate() again.`);
}

/** Returns the server's own text, from an error that an ORM may have wrapped. For DDL it names tables and columns, no values. */
function serverText(error: unknown, field: "message" | "detail"): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if (!("code" in error)) return serverText(error.cause, field);
  const text: unknown = Reflect.get(error, field);
  return typeof text === "string" ? text.replace(/\.$/, "") : undefined;
}
