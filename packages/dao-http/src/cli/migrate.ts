import { type Database, type MigrationReport, openDatabase } from "@flux/dao-core";
import { readDatabaseSettings } from "../process/settings.ts";
import type { Command, CommandFlags } from "./command.ts";
import { print, say } from "./output.ts";
import { UsageError } from "./usage-error.ts";

const usage = `Usage: flux-dao migrate [--plan | --check] [--json]

Brings the schema of the database in DATABASE_URL to the version of this program: creates it, updates it, or takes over
what the Python service left, and puts right what was changed past the migrations or says how to. Safe to run from many places at once; all of it happens, or nothing.

  --plan    changes nothing; prints what would be done as SQL, for those who apply it by hand
  --check   changes nothing; ends with 1 where there is something to do, or where the tables are not as this program needs
            them
  --json    prints the result as JSON

Exit codes: 0 done, or nothing to do; 1 failed, or --check found something to do; 2 called wrongly.
`;

/** `flux-dao migrate` */
export const migrateCommand: Command = {
  summary: "bring the database's schema to the version of this program",
  usage,
  options: { plan: { type: "boolean" }, check: { type: "boolean" }, json: { type: "boolean" } },
  async run(flags) {
    if (flags["plan"] === true && flags["check"] === true) {
      throw new UsageError("--plan and --check do not go together: --plan prints, --check decides.");
    }
    const { databaseUrl, prepare, limits } = readDatabaseSettings(process.env);
    await using database = await openDatabase(databaseUrl, { ...limits, poolSize: 1, prepare });
    if (flags["plan"] === true) return await plan(database, flags);
    if (flags["check"] === true) return await check(database, flags);
    return await migrate(database, flags);
  },
};

async function plan(database: Database, flags: CommandFlags): Promise<number> {
  const planned = await database.planMigrations();
  if (flags["json"] === true) await print(JSON.stringify(planned));
  else if (planned.sql === "") say(`Nothing to do: the schema is at version ${planned.to}.`);
  else await print(planned.sql);
  return 0;
}

async function check(database: Database, flags: CommandFlags): Promise<number> {
  const { from, to, applied, takesOver, repairs } = await database.planMigrations();
  const isDone = applied.length + repairs.length === 0;
  if (flags["json"] === true) await print(JSON.stringify({ from, to, applied, takesOver, repairs }));
  else if (isDone) say(`The schema is at version ${to}, which this program needs.`);
  else if (applied.length === 0) {
    say(
      `The schema is at version ${to}, but was changed past the migrations: ${repairs.join("; ")}. Run flux-dao migrate, ` +
        "which puts it right.",
    );
  } else {
    const what = takesOver ? "would be taken over from the Python service" : `is at version ${from}`;
    say(`The schema ${what}; this program needs version ${to}. Run flux-dao migrate (${applied.join(", ")}).`);
  }
  return isDone ? 0 : 1;
}

async function migrate(database: Database, flags: CommandFlags): Promise<number> {
  const report = await database.migrate();
  if (flags["json"] === true) await print(JSON.stringify(report));
  else say(...linesOf(report));
  return 0;
}

function linesOf({ from, to, applied, takenOver, repaired, violations, durationMs }: MigrationReport): string[] {
  const took = `${(durationMs / 1_000).toFixed(1)} s`;
  const done =
    applied.length > 0
      ? `The schema is at version ${to} now; it was ${takenOver ? "the Python service's" : `at ${from}`}. Applied in ${took}: ${applied.join(", ")}.`
      : `${repaired.length > 0 ? "No migration to apply" : "Nothing to do"}: the schema is at version ${to}.`;
  const repairs =
    repaired.length === 0 ? [] : [`Put right, as it was changed past the migrations: ${repaired.join("; ")}.`];
  return [done, ...repairs, ...violations.flatMap(({ message, query }) => [message, `  ${query}`])];
}
