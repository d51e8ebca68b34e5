import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, inject, test } from "vitest";
import { readPublishedPackages } from "../../scripts/packages/published-package.ts";
import { codeOf } from "./documents.ts";
import { run } from "./run.ts";
import { TYPESCRIPT_VERSIONS, typescriptFolder } from "./typescript-versions.ts";

const entries = (await readPublishedPackages()).flatMap((published) => published.entries);

/** Type-checks what users write, as ES modules and as CommonJS; returns the errors, except those in Drizzle's own declarations. */
async function check(project: string, typescript: string, moduleResolution: string): Promise<string[]> {
  const name = `types-${typescript}-${moduleResolution}`;
  const folder = join(project, name);
  await mkdir(folder);
  const imports = entries.map(({ specifier }, index) => `import * as e${index} from "${specifier}";`);
  const requires = entries.map(({ specifier }, index) => `import e${index} = require("${specifier}");`);
  const all = `export const all = [${entries.map((_, index) => `e${index}`).join(", ")}];`;
  const files = {
    "entries.mts": [...imports, all].join("\n"),
    "entries.cts": [...requires, all].join("\n"),
    "first.mts": await codeOf("README.md", "ts"),
    "job.mts": await codeOf("docs/packages.md", "ts"),
    "core.mts": await codeOf("packages/dao-core/README.md", "ts"),
    "client.mts": await codeOf("packages/dao-http/README.md", "ts"),
    // An error is expected here: without it nothing would have been checked.
    "mistake.mts": 'import { createDaoClient } from "@flux/dao-http/client";\ncreateDaoClient({ baseUrl: 8000 });\n',
  };
  const tsconfig = {
    compilerOptions: {
      strict: true,
      skipLibCheck: false,
      noEmit: true,
      target: "es2022",
      module: moduleResolution === "nodenext" ? "nodenext" : "preserve",
      moduleResolution,
      types: ["node"],
    },
    files: Object.keys(files),
  };
  await writeFile(join(folder, "tsconfig.json"), JSON.stringify(tsconfig));
  for (const [file, text] of Object.entries(files)) await writeFile(join(folder, file), text);
  const tsc = join(project, "node_modules", typescriptFolder(typescript), "bin", "tsc");
  const { stdout, stderr } = await run(process.execPath, [tsc, "--pretty", "false", "-p", name], { cwd: project });
  const findings = `${stdout}\n${stderr}`.split("\n").filter((line) => /\berror\b/i.test(line));
  return findings.filter((line) => !line.startsWith("node_modules/drizzle-orm/"));
}

const mistake = [expect.stringMatching(/mistake\.mts\(2,\d+\): error TS/)];

describe.each(TYPESCRIPT_VERSIONS)("TypeScript %s, strict, declarations checked too", (version) => {
  test.each(["nodenext", "bundler"])("%s", async (moduleResolution) => {
    expect(await check(inject("projects").newest, version, moduleResolution)).toEqual(mistake);
  });
});

test("with the lowest versions of all peers", async () => {
  expect(await check(inject("projects").lowest, "6.0.3", "nodenext")).toEqual(mistake);
});
