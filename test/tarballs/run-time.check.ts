import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, inject, test } from "vitest";
import { withScratchDatabase } from "../../packages/dao-core/test/scratch-database.ts";
import { readPublishedPackages } from "../../scripts/packages/published-package.ts";
import { findFreePort } from "../../scripts/postgres/free-port.ts";
import { codeOf } from "./documents.ts";
import { run, startService, succeed } from "./run.ts";

const entries = (await readPublishedPackages()).flatMap((published) => published.entries);
const specifiers = JSON.stringify(entries.map(({ specifier }) => specifier));
const { readme, newest, lowest } = inject("projects");
const nodes = inject("nodes");
const printed = "2026-03-02T07:00:00.000Z Learn 50 common words: scheduled\n";

/** Writes a file into a project; returns how to run it there. */
async function program(project: string, name: string, text: string): Promise<string> {
  await writeFile(join(project, name), text);
  return name;
}

const firstExample = async (project: string) => program(project, "first.mts", await codeOf("README.md", "ts"));

describe.each(nodes)("Node.js $asked", ({ asked, binary: node }) => {
  test.skipIf(node === undefined)("import and require of every entry return the same, and print nothing", async () => {
    const print = (load: string) =>
      `const load = ${load}; (async () => { const found = {};
      for (const name of ${specifiers}) found[name] = Object.keys(await load(name)).sort();
      console.log(JSON.stringify(found)); })();`;
    const esm = await program(newest, "entries.mjs", print("(name) => import(name)"));
    const cjs = await program(newest, "entries.cjs", print("require"));
    const imported = await run("node", [esm], { cwd: newest, node });
    expect(imported).toMatchObject({ code: 0, stderr: "" });
    const exported: Record<string, string[]> = JSON.parse(imported.stdout);
    for (const { specifier } of entries) expect(exported[specifier]?.length, specifier).toBeGreaterThan(0);
    // Of all supported versions, only 22.12 warns.
    const warned = asked === "22.12.0" ? expect.stringMatching(/^\S+ ExperimentalWarning: CommonJS module /) : "";
    const required = await run("node", [cjs], { cwd: newest, node });
    expect(required).toEqual({ code: 0, stdout: imported.stdout, stderr: warned });
  });

  test.skipIf(node === undefined)("a job from CommonJS on PostgreSQL", () =>
    withScratchDatabase(async ({ url }) => {
      const file = await program(readme, "job.cjs", await codeOf("docs/packages.md", "js"));
      expect(await succeed("node", [file], { cwd: readme, node, env: { DATABASE_URL: url } })).toBe("0\n");
    }),
  );
});

// Not on the lowest versions too: it takes long, and would hardly fail if the tests above pass.
describe.each(nodes.filter(({ asked }) => !asked.includes(".")))("Node.js $asked", ({ binary: node }) => {
  test.skipIf(node === undefined)("the README's first example, embedded and on PostgreSQL", () =>
    withScratchDatabase(async ({ url }) => {
      const args = ["tsx", await firstExample(readme)];
      expect(await succeed("npx", args, { cwd: readme, node })).toBe(printed);
      expect(await succeed("npx", args, { cwd: readme, node, env: { DATABASE_URL: url } })).toBe(printed);
    }),
  );

  test.skipIf(node === undefined)("the batch job in-process, and with its services over HTTP", () =>
    withScratchDatabase(async ({ url }) => {
      const job = await codeOf("docs/packages.md", "ts");
      const port = `${await findFreePort()}`;
      const changes = (await codeOf("docs/packages.md", "diff")).trim().split("\n");
      const gone = changes.filter((line) => line.startsWith("-")).map((line) => line.slice(1));
      const added = changes.filter((line) => line.startsWith("+")).map((line) => line.slice(1));
      const lines = job.split("\n");
      const at = lines.indexOf(gone[0] ?? "");
      expect(lines.slice(at, at + gone.length)).toEqual(gone);
      const overHttp = lines
        .toSpliced(at, gone.length, ...added)
        .join("\n")
        .replace("8000", port);

      const options = { cwd: readme, node, env: { DATABASE_URL: url } };
      expect(await succeed("npx", ["tsx", await program(readme, "job.mts", job)], options)).toBe("2 tasks missed\n");
      const service = startService({ ...options, env: { ...options.env, PORT: port } });
      const ended = once(service, "exit");
      try {
        const ready = () => fetch(`http://localhost:${port}/ready`).then(({ status }) => status);
        await expect.poll(ready, { timeout: 20_000 }).toBe(200);
        const file = await program(readme, "job-over-http.mts", overHttp);
        expect(await succeed("npx", ["tsx", file], { cwd: readme, node })).toBe("2 tasks missed\n");
      } finally {
        service.kill();
        await ended;
      }
      expect(service.exitCode).toBe(0);
    }),
  );

  test.skipIf(node === undefined)("the command", () =>
    withScratchDatabase(async ({ url }) => {
      const command = (...args: string[]) =>
        run("npx", ["flux-dao", ...args], { cwd: readme, node, env: { DATABASE_URL: url } });
      expect(await command("--help")).toMatchObject({ code: 0, stdout: expect.stringContaining("migrate") });
      expect(await command("migrate", "--check")).toMatchObject({ code: 1 });
      expect(await command("migrate")).toMatchObject({ code: 0 });
      expect(await command("migrate", "--check")).toMatchObject({ code: 0 });
      const { code, stdout } = await command("openapi");
      expect(code).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({ openapi: expect.stringMatching(/^3\.1/) });
    }),
  );
});

test.each([
  ["lowest", lowest],
  ["newest", newest],
])(
  "with the %s version of every peer: the package's example, embedded, and the README's, on PostgreSQL",
  (_, project) =>
    withScratchDatabase(async ({ url }) => {
      const example = await program(project, "package.mts", await codeOf("packages/dao-core/README.md", "ts"));
      expect(await succeed("npx", ["tsx", example], { cwd: project })).toBe("1\n");
      const args = ["tsx", await firstExample(project)];
      expect(await succeed("npx", args, { cwd: project, env: { DATABASE_URL: url } })).toBe(printed);
    }),
);
