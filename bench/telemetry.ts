/**
 * `tsx bench/telemetry.ts`: what it costs to be followed by OpenTelemetry, within some two minutes. With
 * `--before <folder of a built @flux/dao-core>` another build of the library is measured beside, without telemetry.
 */
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { compare } from "./comparison.ts";
import { openBenchDatabase } from "./data/bench-database.ts";
import { markdownTable } from "./markdown-table.ts";
import { WARM_UP } from "./plan.ts";
import { Child } from "./processes/child.ts";
import { compile, SHIPPED_CORE } from "./processes/compile.ts";
import type { TelemetryCall, Way } from "./telemetry/ways.ts";
import type { WorkerCommands } from "./telemetry/worker.ts";

const { values: flags } = parseArgs({ options: { before: { type: "string" } } });
const CALLERS = 32;
const ROUNDS = 24;
const SLICE_MS = 150;
const SETTLE_MS = 50;
const CALLS: readonly TelemetryCall[] = ["getTask", "unit of work"];

const telemetry = new URL("opentelemetry/index.js", SHIPPED_CORE).href;
const before = flags.before && pathToFileURL(join(resolve(flags.before), "dist/index.js")).href;
const ways: readonly Way[] = ["absent", "no sdk", "sdk", ...(before === undefined ? [] : (["before"] as const))];

const program = (await compile(["telemetry/worker"]))["telemetry/worker"];
await using database = await openBenchDatabase(1);
const workers = new Map<Way, Child<WorkerCommands>>();
try {
  for (const way of ways) {
    const core = way === "before" && before !== undefined ? before : SHIPPED_CORE;
    const worker = new Child<WorkerCommands>(program, {
      args: [way, database.url, core, telemetry],
      nodeArgs: ["--expose-gc"],
      env: { NODE_ENV: "production" },
    });
    workers.set(way, worker);
    await worker.ask("prepare", database.inputs);
  }
  const contests = CALLS.map((operation) => ({ operation, isSlow: false, contenders: ways }));
  const cells = await compare(
    contests,
    { rounds: ROUNDS, callers: CALLERS, warmsUp: true },
    async (way, call, isWarmUp) => {
      const worker = workers.get(way);
      if (worker === undefined) throw new Error(`${way} does not take part.`);
      // Whoever comes after a pause, or after somebody else, begins with cold caches.
      await worker.ask("run", { call, callers: CALLERS, milliseconds: SETTLE_MS });
      const milliseconds = SLICE_MS * (isWarmUp ? WARM_UP : 1);
      const { operations, elapsedMs, cpuMs, p50, p99 } = await worker.ask("run", {
        call,
        callers: CALLERS,
        milliseconds,
      });
      if (call === "unit of work") await database.tidy();
      return { perSecond: (operations / elapsedMs) * 1_000, cpuMs: cpuMs / operations, p50, p99 };
    },
  );
  const rows = cells.map(({ operation, contender, measured, ratio }) => [
    operation,
    contender,
    measured.perSecond.toFixed(0),
    ratio.perSecond.toFixed(2),
    ratio.cpuMs.toFixed(2),
  ]);
  console.log(markdownTable(["call", "telemetry", "calls/s", "calls/s, ratio", "processor time, ratio"], rows));
} finally {
  await Promise.all([...workers.values()].map((worker) => worker.stop()));
}
