/**
 * `pnpm bench:full`: the cost of calls on a large table compared with a small one; counts, exports and imports. With a
 * million tasks (`--tasks`) it takes about five minutes, with ten million about twenty. `--only flat,estimates,export,import`
 * measures some parts; `--record` writes `bench/results/full-<date>.json` and the section of docs/performance.md.
 */
import { loadavg } from "node:os";
import { parseArgs } from "node:util";
import { describeMachine } from "../machine.ts";
import { compile } from "../processes/compile.ts";
import { writeResults } from "../recorded/recorded-results.ts";
import { fillPage } from "../report/performance-page.ts";
import { openFullDatabases } from "./databases.ts";
import { measureEstimates } from "./estimates.ts";
import { measureExport } from "./export.ts";
import { measureFlatness } from "./flatness.ts";
import { measureImport } from "./import.ts";
import { report } from "./report.ts";
import type { FullResults } from "./results.ts";

const PARTS = ["flat", "estimates", "export", "import"] as const;
const ROUNDS = 15;
const SLICE_MS = 400;

const { values: flags } = parseArgs({
  options: {
    tasks: { type: "string", default: "1000000" },
    only: { type: "string" },
    record: { type: "boolean", default: false },
  },
});
const wanted: ReadonlySet<string> = new Set(flags.only?.split(",") ?? PARTS);
if (flags.record && wanted.size < PARTS.length) throw new Error("--record needs all parts: omit --only.");

const results = await measureAll(Number(flags.tasks));
console.log(report(results));
if (flags.record) await record(results);

async function measureAll(tasks: number): Promise<FullResults> {
  const [load = 0] = loadavg();
  const programs = await compile(["full/worker", "full/child-export", "full/child-import"]);
  await using databases = await openFullDatabases(tasks);
  const { small, large } = databases;
  // Parts that need freshly seeded tables come first: an import leaves the small one's indexes larger than necessary.
  const estimates = await part("estimates", () => measureEstimates(large));
  const exported = await part("export", () => measureExport(large, programs["full/child-export"]));
  const flatness = await part("flat", () =>
    measureFlatness(databases, programs["full/worker"], { rounds: ROUNDS, sliceMs: SLICE_MS }),
  );
  const imported = await part("import", () => measureImport(small, programs["full/child-import"]));
  return {
    machine: describeMachine(databases.serverVersion, Number(load.toFixed(1))),
    sharedBuffersMb: databases.sharedBuffersMb,
    smallTasks: small.tasks,
    largeTasks: large.tasks,
    ...(flatness !== undefined && { flatness }),
    ...(estimates !== undefined && { estimates }),
    ...(exported !== undefined && { export: exported }),
    ...(imported !== undefined && { import: imported }),
  };
}

async function part<Result>(name: (typeof PARTS)[number], measure: () => Promise<Result>): Promise<Result | undefined> {
  if (!wanted.has(name)) return undefined;
  const start = performance.now();
  const result = await measure();
  console.log(`Part ${name} took ${((performance.now() - start) / 1000).toFixed(0)} s.`);
  return result;
}

async function record(results: FullResults): Promise<void> {
  await writeResults("full-", results);
  await fillPage({ full: report(results) });
  console.log("Recorded in bench/results/ and docs/performance.md");
}
