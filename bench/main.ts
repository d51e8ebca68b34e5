/**
 * `pnpm bench`: the library and the service beside hand-written SQL, on a PostgreSQL of its own, within some three
 * minutes. `--short` takes half a minute and is rough, `--only find,page` measures some operations, `--record` writes the
 * results to `bench/results/`.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { loadavg } from "node:os";
import { parseArgs } from "node:util";
import { openBenchDatabase } from "./data/bench-database.ts";
import { TASKS } from "./data/seed.ts";
import { measureIdle } from "./http/idle.ts";
import { CONNECTIONS, compareHttp } from "./http/run.ts";
import { CONCURRENCY, compareInProcess } from "./in-process/run.ts";
import { describeMachine } from "./machine.ts";
import { OPERATION_NAMES } from "./operations.ts";
import type { Plan } from "./plan.ts";
import { compile } from "./processes/compile.ts";
import { type Results, report } from "./report.ts";
import { countStructureStatements } from "./structure-statements.ts";

const { values: flags } = parseArgs({
  options: { short: { type: "boolean" }, record: { type: "boolean" }, only: { type: "string" } },
});
const only = flags.only?.split(",");
const plan: Plan = {
  operations: OPERATION_NAMES.filter((name) => only === undefined || only.includes(name)),
  rounds: flags.short ? 4 : 15,
  sliceMs: flags.short ? 80 : 150,
};
const results = await measureAll(plan);
console.log(report(results));
if (flags.record) await record(results);

async function measureAll(plan: Plan): Promise<Results> {
  const [load = 0] = loadavg();
  const programs = await compile(["in-process/worker", "http/load", "http/server-by-hand", "processes/report-usage"]);
  await using database = await openBenchDatabase();
  const idle = await measureIdle(database.url, programs["processes/report-usage"]);
  return {
    machine: describeMachine(database.version, Number(load.toFixed(1))),
    tasks: TASKS,
    rounds: plan.rounds,
    concurrency: CONCURRENCY,
    connections: CONNECTIONS,
    structureStatements: {
      "8 × 5": await countStructureStatements(8, 5),
      "20 × 50": await countStructureStatements(20, 50),
    },
    inProcess: await compareInProcess(database, programs["in-process/worker"], plan),
    http: await compareHttp(database, programs, plan),
    idle,
  };
}

async function record(results: Results): Promise<void> {
  const folder = new URL("results/", import.meta.url);
  await mkdir(folder, { recursive: true });
  const file = new URL(`${results.machine.date}.json`, folder);
  await writeFile(file, `${JSON.stringify(results, rounded, 2)}\n`);
  console.log(`Recorded in bench/results/${results.machine.date}.json`);
}

/** Four significant digits: more would be noise. */
function rounded(_name: string, value: unknown): unknown {
  return typeof value === "number" && !Number.isInteger(value) ? Number(value.toPrecision(4)) : value;
}
