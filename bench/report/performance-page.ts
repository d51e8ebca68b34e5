import { mkdir, readFile, writeFile } from "node:fs/promises";
import type { Results } from "../results.ts";
import { drawPlots } from "./plots.ts";
import { tablesOf } from "./tables.ts";

const page = new URL("../../docs/performance.md", import.meta.url);
const plots = new URL("../../docs/performance/", import.meta.url);

/** Puts the tables into docs/performance.md, and draws its plots. */
export async function writePage(results: Results): Promise<void> {
  await fillPage(tablesOf(results));
  await mkdir(plots, { recursive: true });
  for (const [name, svg] of Object.entries(drawPlots(results))) await writeFile(new URL(`${name}.svg`, plots), svg);
}

/**
 * Puts each text into docs/performance.md, between the comments of its name.
 * @throws Error when the page lacks them
 */
export async function fillPage(contents: Readonly<Record<string, string>>): Promise<void> {
  let text = await readFile(page, "utf8");
  for (const [name, content] of Object.entries(contents)) text = fill(text, name, content);
  await writeFile(page, text);
}

/** @throws Error when the page has no place of that name */
function fill(text: string, name: string, content: string): string {
  const [begin, end] = [`<!-- bench:${name} -->`, `<!-- /bench:${name} -->`];
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from === -1 || to === -1) throw new Error(`docs/performance.md has no place for ${name}.`);
  return `${text.slice(0, from + begin.length)}\n\n${content}\n\n${text.slice(to)}`;
}
