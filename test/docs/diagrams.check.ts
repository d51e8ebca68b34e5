// @vitest-environment happy-dom
import mermaid from "mermaid";
import { describe, expect, test } from "vitest";
import { readPages } from "./pages.ts";

const blocks = readPages().flatMap(({ path, blocks }) => blocks.map((block) => ({ path, ...block })));
const inLanguage = (name: string) => blocks.filter(({ language }) => language === name);

describe("what no compiler looks at", () => {
  test.each(inLanguage("mermaid"))("the diagram in $path, line $line", async ({ code }) => {
    await mermaid.parse(code);
  });

  test.each(inLanguage("json"))("the JSON in $path, line $line", ({ code }) => {
    expect(() => JSON.parse(code)).not.toThrow();
  });
});
