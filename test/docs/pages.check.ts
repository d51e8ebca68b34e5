import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openDatabase } from "@flux/dao-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { withScratchDatabase } from "../../packages/dao-core/test/scratch-database.ts";
import { findFreePort } from "../../scripts/postgres/free-port.ts";
import { run, succeed } from "../tarballs/run.ts";
import { isAsShown } from "./as-shown.ts";
import type { Block } from "./blocks.ts";
import { pageScript } from "./page-script.ts";
import { type Page, readPages } from "./pages.ts";
import { createReaderProject, type ReaderProject } from "./reader-project.ts";

const pages = readPages();

const isTypescript = ({ language }: Block) => language === "ts";
const isWhole = (block: Block) => isTypescript(block) && block.given === undefined && block.title === undefined;
const isRun = (block: Block) => isWhole(block) && !block.attributes.has("compile-only");
/** Whether it compiles its files itself, with what it generates or installs. */
const compilesItself = ({ blocks }: Page) =>
  blocks.some(({ attributes, code }) => attributes.has("run") && /npx (?:tsc|next build)/.test(code));
const isScripted = ({ blocks }: Page) => blocks.some(({ attributes }) => attributes.has("run"));
const compiled = pages.filter((page) => !compilesItself(page));
const nameOf = ({ line }: Block) => `line-${line}.ts`;

let project: ReaderProject;
beforeAll(async () => {
  project = await createReaderProject(compiled);
  for (const { name, blocks } of compiled) {
    mkdirSync(join(project.folder, name));
    for (const block of blocks.filter(isTypescript)) {
      const code = block.given === undefined ? block.code : `${block.given}\n${block.code}`;
      // A file that the page changes later is also compiled in its first version; others import the version at that point.
      const isChanged = blocks.some(({ title, line }) => title === block.title && line > block.line);
      const file = block.title === undefined || isChanged ? nameOf(block) : block.title;
      writeFileSync(join(project.folder, name, file), `${code}\nexport {};\n`);
    }
  }
}, 120_000);
afterAll(() => project[Symbol.asyncDispose]());

/** Runs a command with an empty database of its own as DATABASE_URL; returns its output. */
const runOn = (command: string, args: readonly string[], cwd: string, settings: Record<string, string> = {}) =>
  withScratchDatabase(({ url }) => succeed(command, args, { cwd, env: { DATABASE_URL: url, ...settings } }));

function expectShown({ line, shown }: Block, printed: string): void {
  if (shown === undefined) return;
  expect(isAsShown(printed, shown), `line ${line} prints\n${printed}\nwhere the page shows\n${shown}`).toBe(true);
}

test("every TypeScript block compiles, against the packages as they are packed", { timeout: 120_000 }, async () => {
  const checks = { strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true, skipLibCheck: true };
  const modules = { module: "nodenext", types: ["node"], allowImportingTsExtensions: true, noEmit: true };
  const compilerOptions = { ...checks, ...modules, target: "es2023", lib: ["es2023", "esnext.disposable"] };
  const include = compiled.map(({ name }) => name);
  writeFileSync(join(project.folder, "tsconfig.json"), JSON.stringify({ compilerOptions, include }));
  const { stdout } = await run("npx", ["tsc", "--project", "."], { cwd: project.folder });
  expect(stdout).toBe("");
});

describe.each(pages.filter(({ blocks }) => blocks.some(isRun)))("$path", ({ name, blocks }) => {
  test.each(blocks.filter(isRun))("the code of line $line runs, and runs again", { timeout: 120_000 }, (block) =>
    withScratchDatabase(async ({ url }) => {
      const options = { cwd: join(project.folder, name), env: { DATABASE_URL: url } };
      for (const _ of block.attributes.has("once") ? [1] : [1, 2])
        expectShown(block, await succeed("npx", ["tsx", nameOf(block)], options));
    }),
  );
});

describe.each(pages.filter(isScripted))("$path, followed from beginning to end", (page) => {
  test("prints what it shows", { timeout: compilesItself(page) ? 600_000 : 180_000 }, async () => {
    const isFromNothing = page.blocks.some(({ code }) => code.includes("npm init"));
    const folder = join(isFromNothing ? project.empty : project.folder, `${page.name}-followed`);
    mkdirSync(folder);
    const port = String(await findFreePort());
    const rewrite = (text: string) =>
      text
        .replaceAll("localhost:8000", `localhost:${port}`)
        .replace(/^npm install .*/gm, (line) =>
          line.replace(/@flux\/dao-(core|http)(?=\s|$)/g, (name) => project.tarballs[name] ?? name),
        );
    const rewritten = page.blocks.map((block) => ({
      ...block,
      code: rewrite(block.code),
      attributes: new Set([...block.attributes].map(rewrite)),
    }));
    const { bash, steps } = pageScript({ ...page, blocks: rewritten }, folder);
    const printed = (output: string) => {
      try {
        return readFileSync(output, "utf8");
      } catch {
        return "(not reached)";
      }
    };
    try {
      await runOn("bash", ["-c", bash], folder, { PORT: port });
    } catch (error) {
      const all = steps.map(({ block, output }) => `$ ${block.code}\n${printed(output)}`);
      throw new Error(`${all.join("\n")}\n${error instanceof Error ? error.message.slice(-500) : error}`);
    }
    for (const { block, output } of steps) expectShown(block, printed(output));
  });
});

describe("SQL runs on a migrated database", () => {
  const all = pages.flatMap(({ path, blocks }) => blocks.map((block) => ({ path, ...block })));
  test.each(all.filter(({ language }) => language === "sql"))("$path, line $line", ({ code }) =>
    withScratchDatabase(async ({ url, sql }) => {
      await using database = await openDatabase(url);
      await database.migrate();
      await sql.unsafe(code);
      const findings = await database.diagnose();
      expect(findings.filter(({ ok }) => !ok)).toEqual([]);
    }),
  );
});

test("blocks of the checked languages have only attributes that the checks know", () => {
  const known = /^(run|once|compile-only|title=.+|wait=http:.+)$/;
  const unknown = pages.flatMap(({ path, blocks }) =>
    blocks.flatMap(({ attributes, line }) =>
      [...attributes].filter((name) => !known.test(name)).map((name) => `${path}:${line} ${name}`),
    ),
  );
  expect(unknown).toEqual([]);
});
