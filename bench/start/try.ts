import { openBenchDatabase } from "../data/bench-database.ts";
import { compile } from "../processes/compile.ts";
import { measureLoadedMemory } from "./loaded-memory.ts";
const programs = await compile(["http/load"]);
await using database = await openBenchDatabase();
const variants: [string, string, object][] = JSON.parse(process.argv[2]!);
for (let r = 0; r < Number(process.argv[3] ?? 1); r++) for (const [name, args, env] of variants) { process.env["NODE_ARGS"] = args; process.env["SENV"]=JSON.stringify(env??{}); 
 const m = await measureLoadedMemory(database, programs["http/load"], Number(process.argv[4] ?? 8000)); console.log(name.padEnd(20), m.requestsPerSecond.toFixed(0), m.rssMb.toFixed(0), m.mostRssMb.toFixed(0)); }
