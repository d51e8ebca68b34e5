import type { BenchDatabase } from "../data/bench-database.ts";
import type { LoadCommands } from "../http/load.ts";
import { requestsOf } from "../http/requests.ts";
import { median } from "../median.ts";
import { Child } from "../processes/child.ts";
import { SERVICE_KEY, type Service, startService } from "../start/service.ts";
import { CpuQuota, whyNoQuota } from "./cpu-quota.ts";
import { childrenOf, cpuTimeOf } from "./cpu-time.ts";

/** Share of a core for each serving process. */
const SHARE = 0.25;
const ROUNDS = 9;
const SLICE_MS = 2_000;
const CONNECTIONS = 32;

/** Throughput of two processes behind one port, and of one. */
export interface ProcessFigures {
  readonly operation: "find" | "page";
  readonly onePerSecond: number;
  readonly twoPerSecond: number;
  /** The median of the rounds' ratios. */
  readonly ratio: number;
  /** The share of their CPU quota that the two processes used: close to 1 if they were the bottleneck. */
  readonly shareUsed: number;
  /** The share of a core that the process which distributes the connections used. */
  readonly primaryShare: number;
}

/** A service whose serving processes are limited to their share. */
interface LimitedService extends AsyncDisposable {
  readonly service: Service;
  readonly serving: readonly number[];
}

async function startLimited(databaseUrl: string, processes: number): Promise<LimitedService> {
  const service = await startService({ DATABASE_URL: databaseUrl, PROCESSES: String(processes) });
  const serving = processes === 1 ? [service.pid] : childrenOf(service.pid);
  const quotas = serving.map((pid) => new CpuQuota(pid, SHARE));
  return {
    service,
    serving,
    [Symbol.asyncDispose]: async () => {
      await service.stop();
      for (const quota of quotas) await quota[Symbol.asyncDispose]();
    },
  };
}

const totalCpu = (pids: readonly number[]) => pids.reduce((sum, pid) => sum + cpuTimeOf(pid), 0);

/**
 * Compares one serving process with two behind one port. Each is limited to a share of a core, like a container, so that it
 * is the bottleneck even on two cores shared with the database and the load generator.
 * @param loadFile the compiled `http/load`
 * @returns the reason if this cannot be measured, since CPU quotas are not available
 */
export async function compareProcesses(database: BenchDatabase, loadFile: string): Promise<ProcessFigures[] | string> {
  const reason = whyNoQuota();
  if (reason !== undefined) return reason;
  await using one = await startLimited(database.url, 1);
  await using two = await startLimited(database.url, 2);
  const load = new Child<LoadCommands>(loadFile);
  const figures: ProcessFigures[] = [];
  for (const operation of ["find", "page"] as const) {
    const requests = requestsOf(operation, database.inputs);
    const measureSlice = async ({ service, serving }: LimitedService) => {
      const { port } = service;
      await load.ask("connect", { port, connections: CONNECTIONS });
      const before = { serving: totalCpu(serving), primary: cpuTimeOf(service.pid) };
      const slice = { port, serviceKey: SERVICE_KEY, requests, milliseconds: SLICE_MS };
      const { requests: count, elapsedMs } = await load.ask("load", slice);
      return {
        perSecond: (count / elapsedMs) * 1_000,
        share: (totalCpu(serving) - before.serving) / elapsedMs / serving.length / SHARE,
        primary: (cpuTimeOf(service.pid) - before.primary) / elapsedMs,
      };
    };
    await measureSlice(one);
    await measureSlice(two);
    const rounds = [];
    for (let round = 0; round < ROUNDS; round++)
      rounds.push({ one: await measureSlice(one), two: await measureSlice(two) });
    figures.push({
      operation,
      onePerSecond: median(rounds.map((round) => round.one.perSecond)),
      twoPerSecond: median(rounds.map((round) => round.two.perSecond)),
      ratio: median(rounds.map((round) => round.two.perSecond / round.one.perSecond)),
      shareUsed: median(rounds.map((round) => round.two.share)),
      primaryShare: median(rounds.map((round) => round.two.primary)),
    });
  }
  await load.stop();
  return figures;
}
