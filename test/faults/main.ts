/**
 * `pnpm test:faults`: the kill matrix, more than a thousand faults within some twelve minutes. `--seed 7` replays the same
 * choices (the machine's own timing it cannot), `--only "response cut"` runs the cells whose names hold that text, and
 * `--share 0.1` a tenth of the faults. Exits with 1 when anything happened that must not.
 */
import { parseArgs } from "node:util";
import { Random } from "../random.ts";
import { runCell } from "./cell.ts";
import { faults } from "./faults.ts";
import { FaultyServer } from "./faulty-server.ts";
import { cellName, matrix } from "./matrix.ts";
import { groupTable, violationTable } from "./report.ts";
import { Tally } from "./tally.ts";

const { values: flags } = parseArgs({
  options: { seed: { type: "string" }, only: { type: "string" }, share: { type: "string" } },
});
const seed = flags.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(flags.seed);
console.log(`seed ${seed}`);

const begun = performance.now();
const random = new Random(seed);
const groups = new Map<string, Tally>();
await using server = await FaultyServer.start();
for (const [signal, status] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const) {
  process.once(signal, () => void server[Symbol.asyncDispose]().finally(() => process.exit(status)));
}
console.log(await server.describe());
for (const cell of matrix(Number(flags.share ?? 1))) {
  // Each cell has its own choices, so that one alone makes the same ones.
  const own = random.fork();
  const name = cellName(cell);
  if (flags.only !== undefined && !name.includes(flags.only)) continue;
  const start = performance.now();
  const tally = await runCell(server, cell, own);
  const seconds = ((performance.now() - start) / 1_000).toFixed(1);
  console.log(`${name}: ${tally.faults} faults in ${seconds} s, ${tally.refused + tally.unknown} calls failed`);
  for (const detail of tally.details.slice(0, 5)) console.log(`  ${detail}`);
  const key = `${cell.workload.name}|${cell.fault.name}`;
  const group = groups.get(key) ?? new Tally();
  group.add(tally);
  groups.set(key, group);
}

const total = new Tally();
for (const group of groups.values()) total.add(group);
console.log(`\n${groupTable(groups, total)}\n\n${violationTable(total)}`);
const minutes = ((performance.now() - begun) / 60_000).toFixed(1);
console.log(`\nseed ${seed}: ${total.faults} faults in ${minutes} minutes, ${total.violationCount} violations`);
// A fault that no call noticed proves nothing, but where that is what is promised: single statements are run again.
const unnoticed = [...groups]
  .filter(([key, { refused, unknown }]) => refused + unknown === 0 && !key.endsWith(`|${faults.tableAltered.name}`))
  .map(([key]) => key);
if (unnoticed.length > 0) console.log(`No call was hit in: ${unnoticed.join(", ")}`);
if (total.violationCount > 0 || total.faults === 0 || unnoticed.length > 0) process.exitCode = 1;
