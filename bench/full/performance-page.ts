import { readFile, writeFile } from "node:fs/promises";

const PAGE = new URL("../../docs/performance.md", import.meta.url);
const BEGIN = "<!-- full:begin -->";
const END = "<!-- full:end -->";

/**
 * Writes the section of docs/performance.md that is between the two marks.
 * @throws Error if the page lacks the marks
 */
export async function fillPerformancePage(markdown: string): Promise<void> {
  const page = await readFile(PAGE, "utf8");
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`docs/performance.md has no section ${BEGIN} … ${END}.`);
  await writeFile(PAGE, `${page.slice(0, begin + BEGIN.length)}\n\n${markdown}\n\n${page.slice(end)}`);
}
