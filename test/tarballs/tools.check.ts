import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { build as esbuild } from "esbuild";
import { beforeAll, describe, expect, inject, test } from "vitest";
import { withScratchDatabase } from "../../packages/dao-core/test/scratch-database.ts";
import { succeed } from "./run.ts";

const { tools } = inject("projects");
const bundled = (name: string) => join(tools, "bundled", `${name}.mjs`);

/** What a bundler or a thread must leave working: both packages, errors of ours, a unit of work, a stream. */
const program = `
import { createDaoServices, DaoUnitOfWork, openDatabase } from "@flux/dao-core";
import { createDaoApp } from "@flux/dao-http";
import { createDaoClient } from "@flux/dao-http/client";
const db = await openDatabase(process.env.DATABASE_URL);
await db.migrate();
const { users } = createDaoServices(db);
const misuse = await DaoUnitOfWork.run(db, () => users.listUsers()).catch(({ code }) => code);
const key = "key-0123456789abcdef";
const app = createDaoApp({ services: db, keys: [{ name: "tools", key }] });
const fetch = (url, init) => app.fetch(new Request(url, init));
const client = createDaoClient({ baseUrl: "http://dao.test", serviceKey: key, fetch });
await client.users.createUser({ name: "Ada", email: "ada@example.com" });
console.log((await users.listUsers()).total, misuse);
await db.close();
`;

/** Runs a program on PostgreSQL, and in an embedded database, which no bundler includes. */
const expectToWork = (file: string) =>
  withScratchDatabase(async ({ url }) => {
    for (const DATABASE_URL of [url, "memory://"])
      expect(await succeed("node", [file], { cwd: tools, env: { DATABASE_URL } })).toBe("1 unit_of_work_misused\n");
  });

beforeAll(async () => {
  await writeFile(join(tools, "program.mjs"), program);
});

describe("bundled by", () => {
  test("esbuild", async () => {
    const require = 'import { createRequire as of } from "node:module"; const require = of(import.meta.url);';
    await esbuild({
      entryPoints: [join(tools, "program.mjs")],
      outfile: bundled("esbuild"),
      bundle: true,
      platform: "node",
      format: "esm",
      external: ["@electric-sql/pglite"],
      banner: { js: require },
    });
    await expectToWork(bundled("esbuild"));
  });

  test("webpack, without a warning", async () => {
    const config = `import webpack from "webpack";
      const output = { path: "${join(tools, "bundled")}", filename: "webpack.mjs", module: true, chunkFormat: "module" };
      const settings = { mode: "production", target: "node20", entry: "./program.mjs", output, experiments: { outputModule: true } };
      webpack(settings, (error, stats) => console.log(error ?? stats.toString({ all: false, errors: true, warnings: true })));`;
    await writeFile(join(tools, "webpack.mjs"), config);
    expect((await succeed("node", ["webpack.mjs"], { cwd: tools })).trim()).toBe("");
    await expectToWork(bundled("webpack"));
  });

  test("Vite, for SSR", async () => {
    const config = `import { build } from "vite";
      const output = { entryFileNames: "vite.mjs" };
      await build({ logLevel: "warn", ssr: { noExternal: /@flux/ },
        build: { ssr: "program.mjs", outDir: "bundled", emptyOutDir: false, rollupOptions: { output } } });`;
    await writeFile(join(tools, "vite.mjs"), config);
    await succeed("node", ["vite.mjs"], { cwd: tools });
    await expectToWork(bundled("vite"));
  });
});

test("in a worker thread", async () => {
  const start = `import { Worker } from "node:worker_threads"; new Worker(new URL("program.mjs", import.meta.url));`;
  await writeFile(join(tools, "thread.mjs"), start);
  await expectToWork("thread.mjs");
});

test.each(["jest29", "jest30"])("%s: values of other realms, and Node.js's own errors", (jest) =>
  withScratchDatabase(async ({ url }) => {
    const code = `import { createDaoServices, openDatabase } from "@flux/dao-core";
      import { expect, test } from "@jest/globals";
      test("realms", async () => {
        const db = await openDatabase(process.env.DATABASE_URL);
        await db.migrate();
        const { users, demoFlags } = createDaoServices(db);
        const preferences = await new Response('{"a":[{"b":1}]}').json();
        const user = await users.createUser(structuredClone({ name: "Ada", email: "ada@example.com", preferences }));
        const virtualNow = structuredClone(new Date(0));
        expect([preferences instanceof Object, virtualNow instanceof Date]).toEqual([false, false]);
        expect((await demoFlags.putDemoFlags(user.id, { virtualNow })).virtualNow).toEqual(new Date(0));
        await db.close();
        await expect(openDatabase("postgres://localhost:1/x")).rejects.toThrow("nothing accepts connections");
      });`;
    await writeFile(join(tools, "realms.test.mjs"), code);
    const env = { DATABASE_URL: url, NODE_OPTIONS: "--experimental-vm-modules" };
    const program = join("node_modules", jest, "bin", "jest.js");
    await succeed("node", [program, "--testMatch", "**/*.test.mjs"], { cwd: tools, env });
  }),
);
