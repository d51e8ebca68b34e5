import { isDaoError, RetryableError, SchemaVersionError, UnavailableError } from "../contract/errors.ts";
import { databaseErrorFacts, toDaoError } from "../session/postgres-errors.ts";

/** How far a migration got. */
export interface MigrationProgress {
  /** The version of the schema before, once it is known. */
  from: number | undefined;
  readonly to: number;
  /** What is being done, to continue "… failed at". */
  step: string;
  /** What to do where rows break what that demands. */
  advice: string | undefined;
}

/** A column, an object, a table or index is there already. */
const nameIsTaken: ReadonlySet<string> = new Set(["42701", "42710", "42P07"]);

/** What `migrate()` throws for an error of the driver, found from its SQLSTATE. What is no database's is left as it is. */
export function toMigrationError(error: unknown, { from, to, step, advice }: MigrationProgress): unknown {
  const code = databaseErrorFacts(error)?.code;
  if (isDaoError(error) || code === undefined) return error;
  const start = from === undefined ? "" : ` from version ${from}`;
  const failure = `Migrating the database${start} to version ${to} failed at ${step}, and nothing was changed`;
  const options = { cause: error };
  switch (code) {
    case "42501": // insufficient privilege
      return new SchemaVersionError(
        `${failure}: the database role lacks a privilege. Run migrate() as the owner of the tables with CREATE on the ` +
          "schema public, or have such a role run the SQL that planMigrations() writes.",
        options,
      );
    case "25006": // read-only transaction
      return new UnavailableError(
        `${failure}: the database takes no writes. Run migrate() on the primary server, as a role whose transactions ` +
          "are not read-only.",
        options,
      );
    case "2BP01": // dependent objects still exist
      return new SchemaVersionError(
        `${failure}: ${serverText(error, "detail") ?? "something uses a type of ours"}. Have that use another type, or drop ` +
          "it, and run migrate() again.",
        options,
      );
    case "55P03": // lock not available
      return new UnavailableError(
        `${failure}: what it needs was in use until the time-out. Run migrate() again when long transactions have ` +
          "ended, or with a longer lockTimeout or waitTimeout.",
        options,
      );
    case "57014": // query canceled
      return new UnavailableError(
        `${failure}: the statement was cancelled, or ran into its time-out. Run migrate() again, with a longer ` +
          "statementTimeout.",
        options,
      );
  }
  if (advice !== undefined && code.startsWith("23")) {
    return new SchemaVersionError(
      `${failure}: rows break it. ${advice} Correct them, and run migrate() again.`,
      options,
    );
  }
  if (nameIsTaken.has(code)) {
    return new SchemaVersionError(
      `${failure}: something of a name that it needs is there already, which the error's cause tells. Rename or drop that; ` +
        "or, if the journal has lost the row of a migration, enter it again as planMigrations() writes it.",
      options,
    );
  }
  const translated = toDaoError(error);
  if (translated instanceof UnavailableError || translated instanceof RetryableError) return translated;
  const isSqlState = /^[0-9A-Z]{5}$/.test(code);
  return isSqlState
    ? new SchemaVersionError(
        `${failure}: ${serverText(error, "message")}. Correct that, and run migrate() again.`,
        options,
      )
    : translated;
}

/** What the server said of its error, which an ORM may have wrapped. Of DDL it names tables and columns, and no values. */
function serverText(error: unknown, field: "message" | "detail"): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if (!("code" in error)) return serverText(error.cause, field);
  const text: unknown = Reflect.get(error, field);
  return typeof text === "string" ? text.replace(/\.$/, "") : undefined;
}
