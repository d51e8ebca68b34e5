import { readFileSync } from "node:fs";
import { openBenchDatabase } from "../data/bench-database.ts";
import { compile } from "../processes/compile.ts";
import { Child } from "../processes/child.ts";
import type { LoadCommands } from "../http/load.ts";
import { requestsOf } from "../http/requests.ts";
import { SERVICE_KEY, startService } from "./service.ts";
import { residentMemoryOf } from "./resident-memory.ts";
const programs = await compile(["http/load"]);
await using database = await openBenchDatabase();
const variants: [string, string, object][] = JSON.parse(process.argv[2]!);
const cpu = (pid: number) => { const f = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]!.split(" "); return (Number(f[11]) + Number(f[12])) * 10; };
const load = new Child<LoadCommands>(programs["http/load"]);
const services = [];
for (const [name, args, env] of variants) { process.env["NODE_ARGS"] = args; process.env["SENV"]=JSON.stringify(env??{}); services.push({ name, s: await startService({ DATABASE_URL: database.url }) }); }
const ops = (process.argv[4] ?? "find,page,structure8x5").split(",") as any[];
const out: Record<string, number[]> = {}; const thr: Record<string, number[]> = {};
for (let r = 0; r < Number(process.argv[3] ?? 5); r++) for (const op of ops) { for (const { name, s } of services) {
  const a = cpu(s.pid); const res = await load.ask("load", { port: s.port, serviceKey: SERVICE_KEY, requests: requestsOf(op, database.inputs), connections: 32, milliseconds: 1500 });
  if (r > 0) { (out[`${op} ${name}`] ??= []).push((cpu(s.pid) - a) / res.requests); (thr[`${op} ${name}`] ??= []).push(res.requests / res.elapsedMs * 1000); }
 } await database.tidy(); }
const med = (v: number[]) => v.sort((a, b) => a - b)[Math.floor(v.length / 2)]!;
for (const op of ops) { const base = med(out[`${op} ${variants[0]![0]}`]!); for (const [name] of variants) console.log(op.padEnd(14), name.padEnd(16), "cpu", med(out[`${op} ${name}`]!).toFixed(3), (med(out[`${op} ${name}`]!) / base).toFixed(3), "req/s", med(thr[`${op} ${name}`]!).toFixed(0)); }
for (const { name, s } of services) { console.log(name, residentMemoryOf(s.pid)); await s.stop(); }
await load.stop();
