/**
 * `tsx bench/start/main.ts`: how long an import and a start take, and how much memory the service has, idle and loaded,
 * beside the limits of the specification. Linux only, for the memory. `--json` prints the figures alone.
 */
import { parseArgs } from "node:util";
import { openBenchDatabase } from "../data/bench-database.ts";
import { markdownTable } from "../markdown-table.ts";
import { compile } from "../processes/compile.ts";
import { measureImports } from "./import-time.ts";
import { CONNECTIONS, measureLoadedMemory } from "./loaded-memory.ts";
import { measureServerStart } from "./server-start.ts";

const ROUNDS = 15;
const LOAD_MS = 20_000;

const { values: flags } = parseArgs({ options: { json: { type: "boolean" } } });
const programs = await compile(["http/load"]);
await using database = await openBenchDatabase();
const imports = measureImports(ROUNDS);
const start = await measureServerStart(database.url, ROUNDS);
const loaded = await measureLoadedMemory(database, programs["http/load"], LOAD_MS);

if (flags.json) console.log(JSON.stringify({ imports, start, loaded }, null, 2));
else {
  const core = imports["dao-core"];
  const times = Object.entries(imports).map(([name, ms]) => [name, ms.toFixed(1), (core / ms).toFixed(2)]);
  console.log(markdownTable(["import", "ms", "dao-core takes × as long"], times));
  const facts = [
    ["ready after the start, ms", start.readyMs, 400],
    ["the same, the quickest start", start.quickestMs, 400],
    ["memory when idle, MB", start.idleRssMb, 90],
    [`memory at most, ${CONNECTIONS} connections with all operations in turn, MB`, loaded.mostRssMb, 160],
  ] as const;
  const rows = facts.map(([name, figure, limit]) => [name, figure.toFixed(0), `≤ ${limit}`]);
  console.log(markdownTable(["the service", "", "limit"], rows));
  console.log(`It answered ${loaded.requestsPerSecond.toFixed(0)} requests a second under that load.`);
}
