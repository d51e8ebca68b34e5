import type { Database, MigrationReport } from "@flux/dao-core";
import { openConfigured, openExisting } from "../process/open-database.ts";
import { forOperators } from "../process/operator-text.ts";
import { readDatabaseSettings } from "../process/settings.ts";
import { isError } from "../wire/realms.ts";
import { type CommandFlags, UsageError } from "./arguments.ts";
import { type Command, DATABASE_OPTIONS, schemaNames, writeStderr, writeStdout, writeWarnings } from "./command.ts";

const usage = `Usage: flux-dao migrate [--plan | --check | --schemas NAMES] [--changes] [--skip-online] [--json]
                        [--database-url URL] [--schema NAME]

Brings the schema DB_SCHEMA (public) of the database in DATABASE_URL to the version of this program: creates it, updates it, or adopts the
schema of the Python service. Repairs changes made outside the migrations, or says how to. Runs in one transaction, and may
run in any number of places at once. Online steps follow the transaction: indexes, batches of rows and validation, which take long
on large tables but block no reads and writes. They may be interrupted; the next run goes on.

  --plan    changes nothing; prints what would be done, as SQL to apply by hand
  --check   changes nothing; exits with 1 if there is something to do, or if the tables are not as this program needs
            them
  --schemas NAMES
            migrates many, such as 'tenant_*' or a,b,c, four at a time, each in a transaction of its own; reports those that
            failed, and continues with the others. Run it again after an interruption.
  --skip-online
            leaves online steps to a later run; the program works without them, if more slowly
  --changes also enables the change feed, which GET /api/v1/changes returns: every change of a row. It then stays enabled. Not on
            Citus.
  --json    prints the result, or the error, as JSON
${DATABASE_OPTIONS}

Exit codes: 0 done, or nothing to do; 1 failed, or --check found something to do; 2 called wrongly.
`;

export const migrateCommand: Command = {
  summary: "bring the database's schema to the version of this program",
  usage,
  options: {
    plan: { type: "boolean" },
    check: { type: "boolean" },
    schemas: { type: "string" },
    "skip-online": { type: "boolean" },
    changes: { type: "boolean" },
    json: { type: "boolean" },
  },
  settings: ["database-url", "schema"],
  async run(flags) {
    if (["plan", "check", "schemas"].filter((name) => flags[name] !== undefined).length > 1) {
      throw new UsageError("--plan, --check and --schemas cannot be combined.");
    }
    const schemas = schemaNames(flags);
    const poolSize = schemas === undefined ? 1 : AT_A_TIME;
    const settings = readDatabaseSettings(process.env);
    writeWarnings(settings.warnings);
    const changesNothing = flags["plan"] === true || flags["check"] === true;
    await using database = await (changesNothing ? openExisting : openConfigured)(settings, { poolSize });
    if (schemas !== undefined) return await migrateMany(database, schemas, flags);
    if (flags["plan"] === true) return await plan(database, flags);
    if (flags["check"] === true) return await check(database, flags);
    return await migrate(database, flags);
  },
};

const AT_A_TIME = 4;

async function migrateMany(database: Database, schemas: readonly string[], flags: CommandFlags): Promise<number> {
  const isJson = flags["json"] === true;
  const report = await database.migrate({
    schemas,
    online: flags["skip-online"] !== true,
    changes: flags["changes"] === true,
    concurrency: AT_A_TIME,
    onProgress: ({ schema, report, error, done, total }) => {
      const how = report === undefined ? `failed: ${textOf(error)}` : linesOf(report).join(" ");
      if (!isJson) writeStderr(`${done} of ${total}  ${schema}: ${how}`);
    },
  });
  const failed = report.failed.map(({ schema, error }) => ({ schema, error: textOf(error) }));
  if (isJson) await writeStdout(JSON.stringify({ ...report, failed }));
  else if (failed.length > 0) {
    writeStderr(`Failed: ${failed.map(({ schema }) => schema).join(", ")}. Fix that, then run it again.`);
  }
  return failed.length === 0 ? 0 : 1;
}

const textOf = (error: unknown) => forOperators(isError(error) ? error.message : String(error));

async function plan(database: Database, flags: CommandFlags): Promise<number> {
  const planned = await database.planMigrations({ changes: flags["changes"] === true });
  if (flags["json"] === true) await writeStdout(JSON.stringify(planned));
  else if (planned.sql === "") writeStderr(`Nothing to do: the schema is at version ${planned.to}.`);
  else await writeStdout(planned.sql);
  return 0;
}

async function check(database: Database, flags: CommandFlags): Promise<number> {
  const { sql, ...planned } = await database.planMigrations({ changes: flags["changes"] === true });
  const { from, to, applied, adopts, enablesChanges, repairs, online } = planned;
  const isDone = sql === "";
  if (flags["json"] === true) await writeStdout(JSON.stringify(planned));
  else if (isDone) writeStderr(`The schema is at version ${to}, which this program supports.`);
  else if (applied.length + repairs.length + online.length === 0 && enablesChanges) {
    writeStderr("The change feed is not enabled. Run flux-dao migrate --changes.");
  } else if (applied.length + repairs.length === 0) {
    writeStderr(
      `The schema is at version ${to}, but not all online steps are done. Run flux-dao migrate (${online.join("; ")}).`,
    );
  } else if (applied.length === 0) {
    writeStderr(
      `The schema is at version ${to}, but was changed outside the migrations: ${repairs.join("; ")}. Run flux-dao migrate, ` +
        "which repairs it.",
    );
  } else {
    const what = adopts ? "is the Python service's and would be adopted" : `is at version ${from}`;
    const names = [...applied, ...online].join(", ");
    writeStderr(`The schema ${what}; this program needs version ${to}. Run flux-dao migrate (${names}).`);
  }
  return isDone ? 0 : 1;
}

async function migrate(database: Database, flags: CommandFlags): Promise<number> {
  const report = await database.migrate({ online: flags["skip-online"] !== true, changes: flags["changes"] === true });
  if (flags["json"] === true) await writeStdout(JSON.stringify(report));
  else writeStderr(...linesOf(report));
  return 0;
}

function linesOf(report: MigrationReport): string[] {
  const { from, to, applied, adopted, changesEnabled, repaired, violations, durationMs } = report;
  const took = `${(durationMs / 1_000).toFixed(1)} s`;
  const done =
    applied.length > 0
      ? `The schema is now at version ${to}; it was ${adopted ? "the Python service's" : `at ${from}`}. Applied in ${took}: ${applied.join(", ")}.`
      : `${repaired.length > 0 || changesEnabled ? "No migration to apply" : "Nothing to do"}: the schema is at version ${to}.`;
  const list = (what: string, names: readonly string[]) => (names.length > 0 ? [`${what}: ${names.join("; ")}.`] : []);
  return [
    done,
    ...list("Repaired changes made outside the migrations", repaired),
    ...(changesEnabled ? ["The change feed is enabled."] : []),
    ...list("Done online", report.online),
    ...list("Left to do online", report.onlineLeft),
    ...violations.flatMap(({ message, query }) => [forOperators(message), `  ${query}`]),
  ];
}
