import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { median } from "../median.ts";

/** What is imported, each by a process of its own, from the folder of the package that needs it. */
const IMPORTS = {
  "dao-core": ["./dist/index.js"],
  "dao-core/contract": ["./dist/contract/index.js"],
  "drizzle-orm and postgres": ["drizzle-orm", "postgres"],
  "drizzle-orm with pg-core and postgres-js, and postgres": [
    "drizzle-orm",
    "drizzle-orm/pg-core",
    "drizzle-orm/postgres-js",
    "postgres",
  ],
} as const satisfies Record<string, readonly string[]>;

type ImportName = keyof typeof IMPORTS;

/** Milliseconds, medians; the start of Node itself is no part of them. */
export type ImportTimes = Readonly<Record<ImportName, number>>;

const NAMES = Object.keys(IMPORTS) as ImportName[];
const folder = fileURLToPath(new URL("../../packages/dao-core/", import.meta.url));

/** Imports each in a process that does nothing else, one after the other, so many times. The packages must be built. */
export function measureImports(rounds: number): ImportTimes {
  const times = new Map<ImportName, number[]>(NAMES.map((name) => [name, []]));
  // The first round fills the disk's cache.
  for (let round = 0; round <= rounds; round++) {
    for (const name of NAMES) {
      const milliseconds = importOnce(IMPORTS[name]);
      if (round > 0) times.get(name)?.push(milliseconds);
    }
  }
  const medians = NAMES.map((name) => [name, median(times.get(name) ?? [])]);
  return Object.fromEntries(medians) as Record<ImportName, number>;
}

function importOnce(modules: readonly string[]): number {
  const imports = modules.map((module) => `await import(${JSON.stringify(module)});`).join("");
  const program = `const begun = performance.now(); ${imports} console.log(performance.now() - begun);`;
  const options = { cwd: folder, encoding: "utf8" } as const;
  return Number(execFileSync(process.execPath, ["--input-type=module", "--eval", program], options));
}
