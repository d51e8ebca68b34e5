/** One setup of OpenTelemetry: `worker.js <setup> <database URL> <URL of the library> <URL of its telemetry>`. */
import { metrics } from "@opentelemetry/api";
import { MeterProvider, PeriodicExportingMetricReader } from "@opentelemetry/sdk-metrics";
import { BatchSpanProcessor, NodeTracerProvider } from "@opentelemetry/sdk-trace-node";
import type { Inputs } from "../data/inputs.ts";
import { Calls } from "../in-process/calls.ts";
import { POOL_SIZE } from "../in-process/pool-size.ts";
import { handleCommands } from "../processes/commands.ts";
import { measureCalls, type Slice } from "../slice.ts";
import type { TelemetryCall, TelemetrySetup } from "./setups.ts";

export type WorkerCommands = {
  prepare: { request: Inputs; response: null };
  run: { request: { call: TelemetryCall; callers: number; milliseconds: number }; response: Slice };
};

const [setup, url, coreUrl = "", telemetryUrl = ""] = process.argv.slice(2);
let run: Readonly<Record<TelemetryCall, () => Promise<unknown>>> | undefined;

handleCommands<WorkerCommands>({
  prepare: async (inputs) => {
    if (setup === ("sdk" satisfies TelemetrySetup)) registerSdk();
    const core: typeof import("@flux/dao-core") = await import(coreUrl);
    const isInstrumented = setup === ("sdk" satisfies TelemetrySetup) || setup === ("no sdk" satisfies TelemetrySetup);
    const database = await core.openDatabase(url, {
      poolSize: POOL_SIZE,
      ...(isInstrumented && { telemetry: (await importTelemetry()).databaseTelemetry() }),
    });
    const { tasks } = core.createDaoServices(database);
    const calls = new Calls(inputs);
    let count = 0;
    run = {
      getTask: () => tasks.getTask(calls.taskId(count++)),
      "unit of work": () =>
        core.DaoUnitOfWork.run(database, async (uow) => {
          const { id, ...changes } = calls.change(count++);
          await uow.tasks.lockById(id);
          return uow.tasks.update(id, changes);
        }),
    };
    return null;
  },
  run: ({ call, callers, milliseconds }) => {
    if (run === undefined) throw new Error("Nothing was prepared.");
    return measureCalls(run[call], callers, milliseconds);
  },
});

function importTelemetry(): Promise<typeof import("@flux/dao-core/opentelemetry")> {
  return import(telemetryUrl);
}

/** An SDK as in production, whose exporters discard everything. */
function registerSdk(): void {
  const exported = (_: unknown, done: (result: { code: number }) => void) => done({ code: 0 });
  const rest = { shutdown: async () => undefined, forceFlush: async () => undefined };
  new NodeTracerProvider({ spanProcessors: [new BatchSpanProcessor({ export: exported, ...rest })] }).register();
  const reader = new PeriodicExportingMetricReader({ exporter: { export: exported, ...rest } });
  metrics.setGlobalMeterProvider(new MeterProvider({ readers: [reader] }));
}
