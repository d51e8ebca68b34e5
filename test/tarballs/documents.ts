import { readFile } from "node:fs/promises";

const repository = new URL("../../", import.meta.url);

/** The nth block of a language in one of the repository's Markdown files. @throws Error when there is none */
export async function blockOf(page: string, language: string, index: number): Promise<string> {
  const text = await readFile(new URL(page, repository), "utf8");
  const blocks = [...text.matchAll(new RegExp(`\`\`\`${language}\n([\\s\\S]*?)\`\`\``, "g"))];
  const block = blocks[index]?.[1];
  if (block === undefined) throw new Error(`${page} has no block ${index} of ${language}.`);
  return block;
}

/** What `npm install` is told to install by the first block of a page that has one. */
export async function installLineOf(page: string): Promise<string[]> {
  const text = await readFile(new URL(page, repository), "utf8");
  const line = /npm install ([^&#`\n]+)/.exec(text)?.[1];
  if (line === undefined) throw new Error(`${page} does not say what to install.`);
  return line.trim().split(/\s+/);
}
