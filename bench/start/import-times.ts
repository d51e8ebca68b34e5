import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { median } from "../median.ts";
import { SHIPPED_CORE } from "../processes/compile.ts";

/** Milliseconds to import a library in a fresh process. Medians. */
export interface ImportTimes {
  readonly daoCoreMs: number;
  /** drizzle-orm for PostgreSQL on postgres.js, and postgres.js, both of which dao-core needs. */
  readonly drizzleAndPostgresMs: number;
  /** The ratio of the two within the same round. */
  readonly ratio: number;
}

const root = fileURLToPath(new URL("../../", import.meta.url));

/** Imports each in new processes, in turn. */
export async function timeImports(rounds: number): Promise<ImportTimes> {
  const times = { ours: [] as number[], theirs: [] as number[] };
  for (let round = 0; round < rounds; round++) {
    times.ours.push(await timeImport([SHIPPED_CORE]));
    times.theirs.push(await timeImport(["drizzle-orm", "drizzle-orm/pg-core", "drizzle-orm/postgres-js", "postgres"]));
  }
  return {
    daoCoreMs: median(times.ours),
    drizzleAndPostgresMs: median(times.theirs),
    ratio: median(times.ours.map((ours, round) => ours / (times.theirs[round] ?? Number.NaN))),
  };
}

async function timeImport(modules: readonly string[]): Promise<number> {
  const imports = modules.map((module) => `await import(${JSON.stringify(module)});`).join("");
  const program = `const start = performance.now(); ${imports} console.log(performance.now() - start)`;
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", program], { cwd: root });
  return Number(stdout);
}
