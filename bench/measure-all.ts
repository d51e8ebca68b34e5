import { loadavg } from "node:os";
import { compareProcesses } from "./cluster/compare-processes.ts";
import { openBenchDatabase } from "./data/bench-database.ts";
import { compareHttp } from "./http/run.ts";
import { providePrismaClient } from "./in-process/contenders/prisma/provide-client.ts";
import { CONTENDER_NAMES, type ContenderName, YARDSTICK } from "./in-process/contenders.ts";
import { compareInProcess } from "./in-process/run.ts";
import { describeMachine } from "./machine.ts";
import type { Plan } from "./plan.ts";
import { compile } from "./processes/compile.ts";
import type { Results } from "./results.ts";
import { measureLoadedMemory } from "./start/loaded-memory.ts";
import { measureLongAnswers } from "./start/long-answers.ts";
import { measureStart } from "./start/start-figures.ts";
import { countStructureStatements } from "./structure-statements.ts";
import { competitorVersions } from "./versions.ts";

/** Milliseconds for which the service is loaded with every operation. */
const LOAD_MS = 20_000;

/** Runs the bench. */
export async function measureAll(plan: Plan): Promise<Results> {
  const begun = performance.now();
  const [load = 0] = loadavg();
  const programs = await compile([
    "in-process/worker",
    "http/load",
    "http/server-bare",
    "http/server-duties",
    "http/server-fastify",
    "http/server-hono",
    "processes/report-usage",
  ]);
  const leftOut: Record<string, string> = {};
  const names = CONTENDER_NAMES.filter((name) => takesPart(name, plan));
  const prismaClient = names.includes("prisma") ? await tryPrisma(leftOut) : undefined;
  await using database = await openBenchDatabase(plan.importRows);
  const start = await measureStart(database.url, plan.isShort ? 1 : 9);
  const measured = {
    machine: describeMachine(database.version, Number(load.toFixed(1))),
    versions: competitorVersions(),
    leftOut,
    tasks: database.tasks,
    importRows: plan.importRows,
    rounds: plan.rounds,
    sliceMs: plan.sliceMs,
    slowSliceMs: plan.slowSliceMs,
    structureStatements: {
      "8 × 5": await countStructureStatements(8, 5),
      "20 × 50": await countStructureStatements(20, 50),
    },
    inProcess: await compareInProcess(
      database,
      programs["in-process/worker"],
      names.filter((name) => !(name in leftOut)),
      prismaClient,
      plan,
    ),
    http: await compareHttp(database, programs, plan),
    start,
    ...(!plan.isShort &&
      plan.contenders === undefined && {
        loaded: await measureLoadedMemory(database, programs["http/load"], LOAD_MS),
        longAnswers: await measureLongAnswers(database),
        processes: await compareProcesses(database, programs["http/load"]),
      }),
  };
  return { ...measured, seconds: Math.round((performance.now() - begun) / 1000) };
}

function takesPart(name: ContenderName, { isShort, contenders }: Plan): boolean {
  if (name === YARDSTICK) return true;
  if (contenders !== undefined) return contenders.includes(name);
  return !isShort || name === "ours" || name === "postgres-copy";
}

/** Only Prisma is not among the installed packages. */
async function tryPrisma(leftOut: Record<string, string>): Promise<string | undefined> {
  try {
    return await providePrismaClient();
  } catch (error) {
    leftOut["prisma"] = `Its client could not be installed and generated here: ${String(error).split("\n")[0]}`;
    return undefined;
  }
}
