/**
 * `pnpm bench:budget`: what the steps of a request take, in the service as shipped and in the HTTP yardstick: microseconds of
 * processor time, and bytes allocated, by samples of both processes under load. The columns add up to what the process used.
 * - `--only create,find`: some operations
 * - `--record`: writes the table of docs/performance.md
 */
import { parseArgs } from "node:util";
import { openBenchDatabase } from "../data/bench-database.ts";
import type { LoadCommands } from "../http/load.ts";
import { requestsOf } from "../http/requests.ts";
import { SERVICE_KEY, type ServerProcess, startOtherServer, startOurServer } from "../http/servers.ts";
import { markdownTable } from "../markdown-table.ts";
import { OPERATIONS, type OperationName } from "../operations.ts";
import { SETTLE_MS } from "../plan.ts";
import { Child } from "../processes/child.ts";
import { compile } from "../processes/compile.ts";
import type { ProfileKind } from "../processes/profiler.ts";
import { fillPage } from "../report/performance-page.ts";
import { NOT_RUNNING, STEP_NAMES, sumBySteps } from "./steps.ts";

const CONNECTIONS = 64;
const ROUNDS = 5;
const SLICE_MS = 1_000;
/** Until the engine has compiled what is measured. */
const WARM_UP_MS = 3_000;

const { values: flags } = parseArgs({
  options: {
    only: { type: "string", default: "find,create,update,append" },
    record: { type: "boolean", default: false },
  },
});

/** By step, for one request. */
type Budget = ReadonlyMap<string, number>;

const programs = await compile(["http/load", "http/server-bare", "processes/report-usage"]);
const database = await openBenchDatabase(1_000);
const load = new Child<LoadCommands>(programs["http/load"]);
const preload = programs["processes/report-usage"];
const servers = {
  bare: await startOtherServer(programs["http/server-bare"], database.url, preload),
  ours: await startOurServer(database.url, preload),
};
try {
  const tables: string[] = [];
  for (const operation of flags.only.split(",") as OperationName[]) tables.push(await tableOf(operation));
  const text = tables.join("\n\n");
  console.log(text);
  if (flags.record) await fillPage({ budget: text });
} finally {
  await Promise.all([load, servers.bare.process, servers.ours.process].map((child) => child.stop()));
  await database[Symbol.asyncDispose]();
}

async function tableOf(operation: OperationName): Promise<string> {
  const found = {
    bare: { cpu: [] as Budget[], allocations: [] as Budget[] },
    ours: { cpu: [] as Budget[], allocations: [] as Budget[] },
  };
  for (const server of Object.values(servers)) {
    await load.ask("connect", { port: server.port, connections: CONNECTIONS });
    await send(server, operation, WARM_UP_MS);
  }
  for (let round = 0; round < ROUNDS; round++) {
    for (const kind of ["cpu", "allocations"] as const) {
      for (const name of ["bare", "ours"] as const) {
        found[name][kind].push(await profile(servers[name], operation, kind));
        if (OPERATIONS[operation].writes) await database.tidy();
      }
    }
  }
  const figures = (step: string) =>
    [found.bare.cpu, found.ours.cpu, found.bare.allocations, found.ours.allocations].map((rounds) =>
      mean(rounds.map((budget) => budget.get(step) ?? 0)),
    );
  const steps = STEP_NAMES.filter((step) => step !== NOT_RUNNING).map((step) => ({ step, figures: figures(step) }));
  const total = steps.reduce(
    (sums, { figures }) => sums.map((sum, column) => sum + (figures[column] ?? 0)),
    [0, 0, 0, 0],
  );
  const row = (step: string, [bare = 0, ours = 0, bareBytes = 0, ourBytes = 0]: number[]) => [
    step,
    bare.toFixed(1),
    ours.toFixed(1),
    (ours - bare).toFixed(1),
    bareBytes.toFixed(0),
    ourBytes.toFixed(0),
  ];
  return markdownTable(
    [
      `${OPERATIONS[operation].title}, ${CONNECTIONS} connections`,
      "bare, µs",
      "ours, µs",
      "more, µs",
      "bare, bytes",
      "ours, bytes",
    ],
    [
      ...steps
        .filter(({ figures }) => figures.some((figure) => figure >= 0.05))
        .map(({ step, figures }) => row(step, figures)),
      row("**all**", total),
    ],
  );
}

async function profile(
  { process, ...server }: ServerProcess,
  operation: OperationName,
  kind: ProfileKind,
): Promise<Budget> {
  await load.ask("connect", { port: server.port, connections: CONNECTIONS });
  await send({ process, ...server }, operation, SETTLE_MS);
  await process.ask("startProfile", kind);
  const before = await process.ask("usage", null);
  const requests = await send({ process, ...server }, operation, SLICE_MS);
  const after = await process.ask("usage", null);
  const sums = sumBySteps(await process.ask("stopProfile", kind));
  const sampled = [...sums].reduce((sum, [step, own]) => (step === NOT_RUNNING ? sum : sum + own), 0);
  // The sampler's own interruptions are spread over all steps; time that the process waited for a processor is no step's.
  const scale = kind === "cpu" ? ((after.cpuMs - before.cpuMs) * 1_000) / sampled : 1;
  return new Map([...sums].map(([step, own]) => [step, (own * scale) / requests]));
}

async function send({ port }: ServerProcess, operation: OperationName, milliseconds: number): Promise<number> {
  const requests = requestsOf(operation, database.inputs);
  const result = await load.ask("load", { port, serviceKey: SERVICE_KEY, requests, milliseconds });
  return result.requests;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
