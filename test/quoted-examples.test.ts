import { readdir, readFile } from "node:fs/promises";
import { expect, test } from "vitest";

const repository = new URL("../", import.meta.url);
const guides = new URL("docs/how-to/", repository);

/** A link to a file of the examples, and the code block after it. */
const quote = /\[`(examples\/[^`]+\.ts)`\][^\n]*:\n\n```ts (?:compile-only|title=\S+)\n([\s\S]*?)```/g;

test("the how-to guides quote the examples verbatim", async () => {
  const quoted: string[] = [];
  for (const page of await readdir(guides)) {
    for (const [, path = "", code] of (await readFile(new URL(page, guides), "utf8")).matchAll(quote)) {
      quoted.push(path);
      expect(code, `${page} quotes ${path}`).toBe(await readFile(new URL(path, repository), "utf8"));
    }
  }
  expect(quoted.length).toBeGreaterThanOrEqual(9);
});

test("every how-to says what must be installed and set before it goes on", async () => {
  const silent: string[] = [];
  for (const page of await readdir(guides)) {
    const text = await readFile(new URL(page, guides), "utf8");
    const [opening = ""] = text.split("\n## ");
    if (!/\binstall|\bneeds? (?:nothing|`@)/i.test(opening) && !text.includes("## Install and set")) silent.push(page);
  }
  expect(silent).toEqual([]);
});
