import { describeFinding } from "../fuzz/findings.ts";
import { startFuzzedServer } from "../fuzz/fuzzed-server.ts";
import { describeMemory, memoryProblem } from "../fuzz/memory.ts";
import { Fuzz } from "../fuzz/run.ts";
import type { LongRun, LongRunResult } from "./long-run.ts";

const REQUESTS = 24_000;

/**
 * Requests of every kind against the service as a process, generated from its own OpenAPI document. A seed repeats the requests
 * of an earlier run, except for the ids of rows.
 */
export async function run(run: LongRun): Promise<LongRunResult> {
  const total = run.amount(REQUESTS);
  const server = await startFuzzedServer(await run.startServer());
  run.defer(() => server[Symbol.asyncDispose]());
  const fuzz = await Fuzz.start(server, run.seed);
  await fuzz.sendUntil(total * 0.5);
  const warm = await server.memory();
  await fuzz.sendUntil(total * 0.75);
  const between = await server.memory();
  await fuzz.sendUntil(total);
  const last = await server.memory();
  console.log(`\n${fuzz.table}\n\n${fuzz.findings.count} findings. ${describeMemory([warm, between, last])}`);
  for (const finding of fuzz.findings.kept) run.violate(describeFinding(finding));
  for (const operation of fuzz.neverDone) run.violate(`no request for ${operation} succeeded`);
  const grown = memoryProblem(warm, last, total * 0.5);
  if (grown !== undefined) run.violate(grown);
  const complaints = server.complaints().slice(0, 20_000);
  if (complaints !== "") run.violate(`errors logged by the server:\n${complaints}`);
  return { count: fuzz.requests, what: "requests" };
}
