import { type Comparison, compare } from "../comparison.ts";
import type { BenchDatabase } from "../data/bench-database.ts";
import type { Inputs } from "../data/inputs.ts";
import { nth, OPERATIONS, type OperationName } from "../operations.ts";
import { comparedOperations, type Plan } from "../plan.ts";
import { Child } from "../processes/child.ts";
import { assertSameAnswer } from "../same-answer.ts";
import type { LoadCommands } from "./load.ts";
import { requestsOf } from "./requests.ts";
import { SERVICE_KEY, type ServerProcess, startHandwrittenServer, startOurServer } from "./servers.ts";

/** Connections at once, each with one request at a time. */
export const CONNECTIONS = 16;

/** The compiled programs that it takes. */
export interface HttpPrograms {
  readonly "http/load": string;
  readonly "http/server-by-hand": string;
  readonly "processes/report-usage": string;
}

export interface HttpResult {
  readonly comparisons: Comparison[];
  /** Megabytes that our server has in memory after all that. */
  readonly loadedRssMb: number;
}

/** Compares the service with a bare server with the hand-written SQL; server and load each in a process of its own. */
export async function compareHttp(database: BenchDatabase, programs: HttpPrograms, plan: Plan): Promise<HttpResult> {
  const { inputs } = database;
  const reportUsage = programs["processes/report-usage"];
  const load = new Child<LoadCommands>(programs["http/load"]);
  const servers = {
    ours: await startOurServer(database.url, reportUsage),
    yardstick: await startHandwrittenServer(programs["http/server-by-hand"], database.url, reportUsage),
  };
  try {
    for (const operation of plan.operations) await check(servers, operation, inputs);
    await database.tidy();
    const comparisons = await compare(comparedOperations(plan), plan.rounds, async (side, operation, isWarmUp) => {
      const { port, process } = servers[side];
      const before = await process.ask("usage", null);
      const result = await load.ask("load", {
        port,
        serviceKey: SERVICE_KEY,
        requests: requestsOf(operation, inputs),
        connections: CONNECTIONS,
        milliseconds: plan.sliceMs * (isWarmUp ? 4 : 1),
      });
      const after = await process.ask("usage", null);
      if (OPERATIONS[operation].writes) await database.tidy();
      const { requests, elapsedMs, p50, p99 } = result;
      return { perSecond: (requests / elapsedMs) * 1000, cpuMs: (after.cpuMs - before.cpuMs) / requests, p50, p99 };
    });
    const { rssMb } = await servers.ours.process.ask("usage", null);
    return { comparisons, loadedRssMb: rssMb };
  } finally {
    await Promise.all([load, servers.ours.process, servers.yardstick.process].map((child) => child.stop()));
  }
}

async function check(
  servers: Record<"ours" | "yardstick", ServerProcess>,
  operation: OperationName,
  inputs: Inputs,
): Promise<void> {
  const request = nth(requestsOf(operation, inputs), 1);
  const answers: unknown[] = [];
  for (const { port } of [servers.ours, servers.yardstick]) {
    const response = await fetch(`http://127.0.0.1:${port}${request.path}`, {
      method: request.method,
      headers: { "x-flux-service-key": SERVICE_KEY, "content-type": "application/json" },
      ...(request.body !== undefined && { body: JSON.stringify(request.body) }),
    });
    if (!response.ok) throw new Error(`${request.method} ${request.path} answered ${response.status}.`);
    answers.push(await response.json());
  }
  assertSameAnswer(operation, answers[0], answers[1], OPERATIONS[operation].creates);
}
