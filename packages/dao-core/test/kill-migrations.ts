/**
 * `pnpm test:migrations`: migrators killed with SIGKILL at every statement of their way, from every beginning, several
 * times each. `--seed 7` replays the same choices (the machine's own timing it cannot), `--rounds 1` goes over each
 * statement once. Exits with 1 when anything happened that must not.
 */
import { parseArgs } from "node:util";
import postgres from "postgres";
import { startTestServer } from "../../../scripts/postgres/test-server.ts";
import { Random } from "../../../test/random.ts";
import { compileMigrateProgram } from "./migrate-program.ts";
import { BEGINNINGS, type Kill, MigrationKills } from "./migration-kills.ts";

const { values: flags } = parseArgs({ options: { seed: { type: "string" }, rounds: { type: "string" } } });
const seed = flags.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(flags.seed);
const rounds = Number(flags.rounds ?? 4);
console.log(`seed ${seed}`);

const begun = performance.now();
const random = new Random(seed);
const server = await startTestServer();
console.log(server.describe);
const name = `flux_kills_${process.pid}`;
const admin = postgres(server.url, { max: 1 });
await admin.unsafe(`create database ${name}`);
const url = new URL(server.url);
url.pathname = `/${name}`;
const sql = postgres(url.href, { max: 1, onnotice: () => undefined });
const done: Kill[] = [];
try {
  await using program = await compileMigrateProgram();
  const kills = new MigrationKills(program, url.href, sql);
  for (const beginning of Object.keys(BEGINNINGS)) {
    const places = (await kills.statementsFrom(beginning)) + 1;
    for (let index = 0; index < rounds * places; index++) {
      const kill = await kills.kill(beginning, index % places, random);
      done.push(kill);
      for (const violation of kill.violations) {
        console.log(`${beginning}, statement ${kill.statement}, ${kill.manner}: ${violation}`);
      }
    }
    console.log(lineOf(beginning));
  }
} finally {
  await sql.end({ timeout: 0 });
  await admin.unsafe(`drop database if exists ${name} with (force)`);
  await admin.end();
  await server.stop();
}

const violations = done.flatMap((kill) => kill.violations);
const minutes = ((performance.now() - begun) / 60_000).toFixed(1);
console.log(`seed ${seed}: ${done.length} kills in ${minutes} minutes, ${violations.length} violations`);
if (violations.length > 0 || done.length === 0) process.exitCode = 1;

function lineOf(beginning: string): string {
  const own = done.filter((kill) => kill.beginning === beginning);
  const count = (outcome: Kill["outcome"]) => own.filter((kill) => kill.outcome === outcome).length;
  const most = (times: readonly number[]) => Math.round(Math.max(...times));
  return [
    `${beginning}: ${own.length} kills, at ${new Set(own.map(({ statement }) => statement)).size} places`,
    `${count("absent")} absent, ${count("whole")} whole`,
    `session gone after at most ${most(own.map(({ gone }) => gone))} ms`,
    `next run through after at most ${most(own.map(({ finished }) => finished))} ms`,
    `${own.flatMap((kill) => kill.violations).length} violations`,
  ].join("; ");
}
