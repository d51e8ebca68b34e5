/**
 * `pnpm test:fuzz`: requests of every kind against the service as a process, made of the OpenAPI document that it
 * serves. `--seed N` sends those of an earlier run again, but for the ids of rows; `--requests N` sends more or fewer.
 */
import { randomInt } from "node:crypto";
import { parseArgs } from "node:util";
import { startTestServer } from "../../scripts/postgres/test-server.ts";
import { describeFinding } from "./findings.ts";
import { startFuzzedServer } from "./fuzzed-server.ts";
import { describeMemory, memoryProblem } from "./memory.ts";
import { Fuzz } from "./run.ts";

const { values: flags } = parseArgs({
  options: { seed: { type: "string" }, requests: { type: "string", default: "24000" } },
});
const seed = flags.seed === undefined ? randomInt(2 ** 32) : Number(flags.seed);
const total = Number(flags.requests);
console.log(`Seed ${seed}, ${total} requests.`);

const postgres = await startTestServer();
const problems: string[] = [];
try {
  await using server = await startFuzzedServer(postgres.url);
  const from = performance.now();
  const fuzz = await Fuzz.start(server, seed);
  await fuzz.sendUntil(total * 0.5);
  const warm = await server.memory();
  await fuzz.sendUntil(total * 0.75);
  const between = await server.memory();
  await fuzz.sendUntil(total);
  const last = await server.memory();
  const seconds = (performance.now() - from) / 1_000;
  console.log(`\n${fuzz.table}\n`);
  console.log(`${fuzz.requests} requests in ${seconds.toFixed(0)} s, ${fuzz.findings.count} findings.`);
  console.log(describeMemory([warm, between, last]));
  problems.push(...fuzz.findings.kept.map(describeFinding));
  problems.push(...fuzz.neverDone.map((operation) => `No request for ${operation} was done: none reached it.`));
  const grown = memoryProblem(warm, last, total * 0.5);
  if (grown !== undefined) problems.push(grown);
  if (server.complaints() !== "")
    problems.push(`The server's own complaints:\n${server.complaints().slice(0, 20_000)}`);
} finally {
  await postgres.stop();
}
for (const problem of problems) console.log(`\n${problem}`);
if (problems.length > 0) console.log(`\nAgain: pnpm test:fuzz --seed ${seed} --requests ${total}`);
process.exit(problems.length === 0 ? 0 : 1);
