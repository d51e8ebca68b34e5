import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import type { Machine } from "../machine.ts";
import type { Results } from "../results.ts";

const folder = new URL("../results/", import.meta.url);

/**
 * The kinds of recorded results: the comparison, and the cost of calls on a large table. Each has a file, named by its date.
 */
type Kind = "" | "full-";

const filesOf = async (kind: Kind) =>
  (await readdir(folder).catch(() => [])).filter((name) => name.replace(/\d{4}-\d\d-\d\d\.json$/, "") === kind);

/** Writes a run's results to `bench/results/`, and removes earlier ones of the same kind. */
export async function writeResults(kind: Kind, results: { readonly machine: Machine }): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const name of await filesOf(kind)) await rm(new URL(name, folder));
  await writeFile(new URL(`${kind}${results.machine.date}.json`, folder), `${JSON.stringify(results, rounded, 2)}\n`);
}

/** @returns `undefined` if nothing is recorded */
export async function readNewestResults(): Promise<Results | undefined> {
  const [newest] = await filesOf("");
  if (newest === undefined) return undefined;
  return JSON.parse(await readFile(new URL(newest, folder), "utf8"));
}

/** Four significant digits: more would be noise. */
function rounded(_name: string, value: unknown): unknown {
  return typeof value === "number" && !Number.isInteger(value) ? Number(value.toPrecision(4)) : value;
}
