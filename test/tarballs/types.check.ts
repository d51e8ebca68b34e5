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
    // As of an application whose other packages use zod 3.
    "zods.mts": `import { taskCreateDto } from "@flux/dao-core";\nimport { z } from "zod";\nimport { z as z3 } from "zod3";
export const mine = taskCreateDto.extend({ colour: z.string() });\nexport const theirs = z3.object({ colour: z3.string() });\n`,
    // An error is expected here: without it nothing would have been checked.
    "mistake.mts": 'import { createDaoClient } from "@flux/dao-http/client";\ncreateDaoClient({ baseUrl: 8000 });\n',
  };
  const tsconfig = {
    compilerOptions: {
      strict: true,
      exactOptionalPropertyTypes: true,
      skipLibCheck: false,
      noEmit: true,
      target: "es2022",
      module: moduleResolution === "nodenext" ? "nodenext" : "preserve",
      moduleResolution,
      types: ["node"],
    },
    // Before 5.8 a CommonJS file cannot require an ES module.
    files: Object.keys(files).filter((file) => !(file.endsWith(".cts") && /^5\.[67]/.test(typescript))),
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

/** Of a consumer that uses each main entry: what the compiler instantiates, 15 % above what it was when this was written. */
const MAX_INSTANTIATIONS = { "core.mts": 10_400, "client.mts": 6_100 };

test.each(Object.entries(MAX_INSTANTIATIONS))("what %s costs the compiler", async (file, most) => {
  const project = inject("projects").lowest;
  const page = file === "core.mts" ? "packages/dao-core/README.md" : "packages/dao-http/README.md";
  await writeFile(join(project, `cost-${file}`), await codeOf(page, "ts"));
  const options = ["--noEmit", "--strict", "--target", "es2022", "--module", "nodenext", "--types", "node"];
  const tsc = join(project, "node_modules", typescriptFolder("6.0.3"), "bin", "tsc");
  const all = [tsc, ...options, "--skipLibCheck", "--extendedDiagnostics", `cost-${file}`];
  const { stdout } = await run(process.execPath, all, { cwd: project });
  const printed = (name: string) => new RegExp(`${name}:\\s+(\\S+)`).exec(stdout)?.[1];
  const instantiations = printed("Instantiations");
  process.stdout.write(`${file}: ${instantiations} instantiations, checked in ${printed("Check time")}\n`);
  expect(Number(instantiations)).toBeGreaterThan(0);
  expect(Number(instantiations)).toBeLessThan(most);
});
