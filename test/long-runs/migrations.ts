import { createTestDatabase } from "@flux/dao-core/testing";
import postgres from "postgres";
import { compileMigrateProgram } from "../../packages/dao-core/test/migrate-program.ts";
import { BEGINNINGS, type Kill, MigrationKills } from "../../packages/dao-core/test/migration-kills.ts";
import type { LongRun, LongRunResult } from "./long-run.ts";

/** How often each statement is interrupted. */
const ROUNDS = 4;

/** Kills migrators with SIGKILL at every statement, from every initial state, several times each. */
export async function run(run: LongRun): Promise<LongRunResult> {
  const { url, database, drop } = await createTestDatabase({ serverUrl: await run.startServer() });
  run.defer(drop);
  await database.close();
  const sql = postgres(url, { max: 1, onnotice: () => undefined });
  run.defer(() => sql.end({ timeout: 0 }));
  const program = await compileMigrateProgram();
  run.defer(() => program[Symbol.asyncDispose]());
  const kills = new MigrationKills(program, url, sql);
  let count = 0;
  for (const beginning of Object.keys(BEGINNINGS).filter((name) => run.wants(name))) {
    const places = (await kills.statementsFrom(beginning)) + 1;
    const done: Kill[] = [];
    for (let index = 0; index < run.amount(ROUNDS) * places; index++) {
      const kill = await kills.kill(beginning, index % places, run.random);
      done.push(kill);
      for (const violation of kill.violations) {
        run.violate(`${beginning}, statement ${kill.statement}, ${kill.manner}: ${violation}`);
      }
    }
    count += done.length;
    console.log(lineOf(beginning, done));
  }
  return { count, what: "kills" };
}

function lineOf(beginning: string, kills: readonly Kill[]): string {
  const count = (outcome: Kill["outcome"]) => kills.filter((kill) => kill.outcome === outcome).length;
  const most = (times: readonly number[]) => Math.round(Math.max(...times));
  return [
    `${beginning}: ${kills.length} kills at ${new Set(kills.map(({ statement }) => statement)).size} statements`,
    `${count("absent")} absent, ${count("whole")} whole`,
    `session gone after at most ${most(kills.map(({ gone }) => gone))} ms`,
    `next run through after at most ${most(kills.map(({ finished }) => finished))} ms`,
  ].join("; ");
}
