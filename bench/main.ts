/**
 * `pnpm bench`: the library and the service compared with hand-written SQL, ORMs and other servers, on a PostgreSQL server of
 * its own, in about 40 minutes.
 * - `--short`: only ours and the yardsticks, at one concurrency, rough, in about a minute
 * - `--check`: exits with 1 if one of our ratios is below half of the recorded one
 * - `--record`: writes the results to `bench/results/`, and the tables and plots of docs/performance.md
 * - `--only find,page`: some operations
 * - `--contenders ours,prisma`: some in-process contenders, and no servers except ours
 */
import { parseArgs } from "node:util";
import { measureAll } from "./measure-all.ts";
import { OPERATION_NAMES, type OperationName } from "./operations.ts";
import type { Plan } from "./plan.ts";
import { type FallenRatio, findFallenRatios } from "./recorded/fallen-ratios.ts";
import { readNewestResults, writeResults } from "./recorded/recorded-results.ts";
import { writePage } from "./report/performance-page.ts";
import { report } from "./report/report.ts";
import type { Results } from "./results.ts";

const { values: flags } = parseArgs({
  options: {
    short: { type: "boolean", default: false },
    check: { type: "boolean", default: false },
    record: { type: "boolean", default: false },
    only: { type: "string" },
    contenders: { type: "string" },
  },
});
/** Excluded from a short run: one statement, the same as for a smaller structure. */
const LONGEST: readonly OperationName[] = ["structure20x50"];

const only = flags.only?.split(",");
if (flags.record && (flags.short || only !== undefined || flags.contenders !== undefined)) {
  throw new Error("Only a whole run is recorded: omit the other flags.");
}
const plan: Plan = {
  operations: OPERATION_NAMES.filter((name) => only?.includes(name) ?? !(flags.short && LONGEST.includes(name))),
  contenders: flags.contenders?.split(","),
  isShort: flags.short,
  rounds: flags.short ? 3 : 5,
  sliceMs: flags.short ? 50 : 100,
  slowSliceMs: flags.short ? 50 : 400,
  warmUp: flags.short ? { sliceMs: 200, least: 1, most: 1 } : { sliceMs: 500, least: 4, most: 12 },
  longRounds: flags.short ? 1 : 3,
  importRows: flags.short ? 5_000 : 100_000,
};
const results = await measureAll(plan);
console.log(report(results));
if (flags.record) {
  await writeResults("", results);
  await writePage(results);
}
if (flags.check) {
  const recorded = await readNewestResults();
  const fallen = recorded === undefined ? [] : await findFallenTwice(results, recorded);
  for (const { where, operation, now, before } of fallen) {
    console.error(`${where}, ${operation}: ${now.toFixed(2)} of the yardstick, and ${before.toFixed(2)} as recorded`);
  }
  if (fallen.length > 0) process.exitCode = 1;
  else if (recorded === undefined)
    console.log("There are no recorded results to compare with. Run: pnpm bench --record");
  else console.log("No ratio is below half of the recorded one.");
}

/** Measures again for longer: other load may affect one side for a moment, a true regression shows in both runs. */
async function findFallenTwice(results: Results, recorded: Results): Promise<FallenRatio[]> {
  const suspects = findFallenRatios(results, recorded);
  if (suspects.length === 0) return [];
  const operations = plan.operations.filter((name) => suspects.some(({ operation }) => operation === name));
  const again = findFallenRatios(await measureAll({ ...plan, operations, rounds: 3 * plan.rounds }), recorded);
  return again.filter(({ where, operation }) =>
    suspects.some((suspect) => suspect.where === where && suspect.operation === operation),
  );
}
