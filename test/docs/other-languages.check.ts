// @vitest-environment happy-dom
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { validate } from "dockerfile-utils";
import mermaid from "mermaid";
import { afterAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { succeed } from "../tarballs/run.ts";
import { readPages } from "./pages.ts";

const blocks = readPages().flatMap(({ path, blocks }) => blocks.map((block) => ({ path, ...block })));
const inLanguage = (name: string) => blocks.filter(({ language }) => language === name);

const folder = mkdtempSync(join(tmpdir(), "flux-dao-blocks-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** Has a program parse a block as a file, without running it. */
async function checked(command: string, option: string, name: string, code: string): Promise<void> {
  writeFileSync(join(folder, name), code);
  await succeed(command, [option, name], { cwd: folder });
}

describe("code blocks in other languages are syntactically valid", () => {
  test.each(inLanguage("mermaid"))("the diagram in $path, line $line", async ({ code }) => {
    await mermaid.parse(code);
  });

  test.each(inLanguage("json"))("the JSON in $path, line $line", ({ code }) => {
    expect(() => JSON.parse(code)).not.toThrow();
  });

  test.each(inLanguage("yaml"))("the YAML in $path, line $line", ({ code }) => {
    expect(parse(code)).toBeTypeOf("object");
  });

  test.each(inLanguage("Dockerfile"))("the Dockerfile in $path, line $line", ({ code }) => {
    expect(validate(code)).toEqual([]);
  });

  test.each(inLanguage("sh"))("the commands in $path, line $line", ({ code }) =>
    checked("bash", "-n", "block.sh", code),
  );

  test.each(inLanguage("js"))("the JavaScript in $path, line $line", ({ code }) =>
    checked("node", "--check", code.includes("require(") ? "block.cjs" : "block.mjs", code),
  );
});
