import { mkdir, readFile, writeFile } from "node:fs/promises";
import type { Results } from "../results.ts";
import { claimOf } from "./claim.ts";
import { drawPlots } from "./plots.ts";
import { tablesOf } from "./tables.ts";

const page = new URL("../../docs/performance.md", import.meta.url);
const plots = new URL("../../docs/performance/", import.meta.url);

/** Writes claim and tables into docs/performance.md, and its plots. */
export async function writePage(results: Results): Promise<void> {
  await fillPage({ claim: claimOf(results), ...tablesOf(results) });
  await mkdir(plots, { recursive: true });
  for (const [name, svg] of Object.entries(drawPlots(results))) await writeFile(new URL(`${name}.svg`, plots), svg);
}

/**
 * Replaces the text between the comments of each name in docs/performance.md.
 * @throws Error if the page lacks them
 */
export async function fillPage(contents: Readonly<Record<string, string>>): Promise<void> {
  let text = await readFile(page, "utf8");
  for (const [name, content] of Object.entries(contents)) text = fill(text, name, content);
  await writeFile(page, text);
}

/** @throws Error if the page has no comments of that name */
function fill(text: string, name: string, content: string): string {
  const [begin, end] = [`<!-- bench:${name} -->`, `<!-- /bench:${name} -->`];
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from === -1 || to === -1) throw new Error(`docs/performance.md has no comments for ${name}.`);
  return `${text.slice(0, from + begin.length)}\n\n${content}\n\n${text.slice(to)}`;
}
