import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import type { Results } from "../results.ts";

const folder = new URL("../results/", import.meta.url);

/** Writes what a run found to `bench/results/<date>.json`, in place of another of that day. */
export async function writeResults(results: Results): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(new URL(`${results.machine.date}.json`, folder), `${JSON.stringify(results, rounded, 2)}\n`);
}

/** @returns `undefined` when nothing is recorded */
export async function readNewestResults(): Promise<Results | undefined> {
  const files = (await readdir(folder).catch(() => [])).filter((name) => /^\d{4}-\d\d-\d\d\.json$/.test(name)).sort();
  const newest = files.at(-1);
  if (newest === undefined) return undefined;
  return JSON.parse(await readFile(new URL(newest, folder), "utf8"));
}

/** Four significant digits: more would be noise. */
function rounded(_name: string, value: unknown): unknown {
  return typeof value === "number" && !Number.isInteger(value) ? Number(value.toPrecision(4)) : value;
}
