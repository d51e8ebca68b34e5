/**
 * `tsx bench/telemetry.ts`: the cost of OpenTelemetry, in about two minutes. With `--before <folder of a built
 * @flux/dao-core>` another build of the library is measured as well, without telemetry.
 */
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { compare } from "./comparison.ts";
import { openBenchDatabase } from "./data/bench-database.ts";
import { markdownTable } from "./markdown-table.ts";
import { SETTLE_MS } from "./plan.ts";
import { Child } from "./processes/child.ts";
import { compile, SHIPPED_CORE } from "./processes/compile.ts";
import type { TelemetryCall, TelemetrySetup } from "./telemetry/setups.ts";
import type { WorkerCommands } from "./telemetry/worker.ts";

const { values: flags } = parseArgs({ options: { before: { type: "string" } } });
const CALLERS = 32;
const ROUNDS = 24;
const SLICE_MS = 150;
const WARM_UP_MS = 600;
const CALLS: readonly TelemetryCall[] = ["getTask", "unit of work"];

const telemetry = new URL("opentelemetry/index.js", SHIPPED_CORE).href;
const before = flags.before && pathToFileURL(join(resolve(flags.before), "dist/index.js")).href;
const setups: readonly TelemetrySetup[] = [
  "absent",
  "no sdk",
  "sdk",
  ...(before === undefined ? [] : (["before"] as const)),
];

const program = (await compile(["telemetry/worker"]))["telemetry/worker"];
await using database = await openBenchDatabase(1);
const workers = new Map<TelemetrySetup, Child<WorkerCommands>>();
try {
  for (const setup of setups) {
    const core = setup === "before" && before !== undefined ? before : SHIPPED_CORE;
    const worker = new Child<WorkerCommands>(program, {
      args: [setup, database.url, core, telemetry],
      nodeArgs: ["--expose-gc"],
      env: { NODE_ENV: "production" },
    });
    workers.set(setup, worker);
    await worker.ask("prepare", database.inputs);
  }
  const contests = CALLS.map((operation) => ({ operation, isSlow: false, contenders: setups }));
  const cells = await compare(
    contests,
    { rounds: ROUNDS, callers: CALLERS, warmsUp: true },
    async (setup, call, isWarmUp) => {
      const worker = workers.get(setup);
      if (worker === undefined) throw new Error(`${setup} is not running.`);
      await worker.ask("run", { call, callers: CALLERS, milliseconds: SETTLE_MS });
      const milliseconds = isWarmUp ? WARM_UP_MS : SLICE_MS;
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
