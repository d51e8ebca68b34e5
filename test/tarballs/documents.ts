import { readFile } from "node:fs/promises";
import { blocksOf } from "../docs/blocks.ts";

const repository = new URL("../../", import.meta.url);

/** The code of the nth block of a language in one of the repository's pages. @throws Error if there is none */
export async function codeOf(page: string, language: string, index = 0): Promise<string> {
  const blocks = blocksOf(await readFile(new URL(page, repository), "utf8"));
  const block = blocks.filter((candidate) => candidate.language === language)[index];
  if (block === undefined) throw new Error(`${page} has no block ${index} of ${language}.`);
  return `${block.code}\n`;
}

/** The install command of a page, the first one. */
export async function installedBy(page: string): Promise<string[]> {
  const line = /npm install ([^`#\n]+)/.exec(await readFile(new URL(page, repository), "utf8"))?.[1];
  if (line === undefined) throw new Error(`${page} has no install command.`);
  return line.trim().split(/\s+/);
}
