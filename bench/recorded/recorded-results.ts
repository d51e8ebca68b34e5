import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import type { Machine } from "../machine.ts";
import type { Results } from "../results.ts";

const folder = new URL("../results/", import.meta.url);

/** What is recorded: the comparison, and what calls cost on a large table. Each has a file of its own, named by its date. */
type Kind = "" | "full-";

const filesOf = async (kind: Kind) =>
  (await readdir(folder).catch(() => [])).filter((name) => name.replace(/\d{4}-\d\d-\d\d\.json$/, "") === kind);

/** Writes what a run found to `bench/results/`, in place of what another of its kind did. */
export async function writeResults(kind: Kind, results: { readonly machine: Machine }): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const name of await filesOf(kind)) await rm(new URL(name, folder));
  await writeFile(new URL(`${kind}${results.machine.date}.json`, folder), `${JSON.stringify(results, rounded, 2)}\n`);
}

/** @returns `undefined` when nothing is recorded */
export async function readNewestResults(): Promise<Results | undefined> {
  const [newest] = await filesOf("");
  if (newest === undefined) return undefined;
  return JSON.parse(await readFile(new URL(newest, folder), "utf8"));
}

/** Four significant digits: more would be noise. */
function rounded(_name: string, value: unknown): unknown {
  return typeof value === "number" && !Number.isInteger(value) ? Number(value.toPrecision(4)) : value;
}
