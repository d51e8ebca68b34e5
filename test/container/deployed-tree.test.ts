import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, cp, mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { createTestDatabase } from "@flux/dao-core/testing";
import { expect, inject, test } from "vitest";
import { buildPackages } from "../../scripts/build.ts";
import { findFreePort } from "../../scripts/postgres/free-port.ts";
import { findServerAccount, identityOf } from "../../scripts/postgres/server-account.ts";

const run = promisify(execFile);
const repository = fileURLToPath(new URL("../..", import.meta.url));

/** Megabytes: the base image has about 140 of the 200 that the image may have. */
const LARGEST_TREE = 40;

const deployment = [
  ...["--yes", "pnpm@10.34.9", "--config.inject-workspace-packages=true"],
  ...["--filter", "@flux/dao-http", "deploy", "--prod", "--prefer-offline"],
];

/**
 * What a deployment reads, copied: it leaves its settings with the workspace that it is run in, and the next command there
 * would remove the development's packages.
 */
async function copyWorkspace(copy: string): Promise<void> {
  const isPart = (path: string) => !["node_modules", "src", "test"].includes(basename(path));
  for (const part of ["package.json", "pnpm-lock.yaml", "pnpm-workspace.yaml", "packages", "examples/package.json"]) {
    await cp(join(repository, part), join(copy, part), { recursive: true, filter: isPart });
  }
}

/** The packages of the tree, as pnpm's store names them. */
async function packagesIn(tree: string): Promise<string[]> {
  const names = await readdir(join(tree, "node_modules", ".pnpm"));
  return names
    .filter((name) => name !== "node_modules" && name.includes("@"))
    .map((name) => name.replace(/@[^@]*$/, ""));
}

async function megabytesOf(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const sizes = await Promise.all(files.map(async ({ parentPath, name }) => (await stat(join(parentPath, name))).size));
  return sizes.reduce((sum, size) => sum + size, 0) / 1e6;
}

test("the tree of the image serves from an empty folder, as an unprivileged user, with nothing to write to", {
  timeout: 120_000,
}, async () => {
  const folder = await mkdtemp(join(tmpdir(), "flux-dao-tree-"));
  const tree = join(folder, "service");
  const empty = await mkdtemp(join(tmpdir(), "flux-dao-empty-"));
  const database = await createTestDatabase({ serverUrl: inject("adminUrl") });
  try {
    await buildPackages(new AbortController().signal);
    const workspace = join(folder, "workspace");
    await copyWorkspace(workspace);
    await run("npx", [...deployment, tree], { cwd: workspace });
    await run("chmod", ["-R", "a-w,a+rX", tree]);
    await Promise.all([chmod(folder, 0o755), chmod(empty, 0o555)]);
    const packages = await packagesIn(tree);
    expect(packages).toContain("pino");
    for (const name of ["vitest", "typescript", "tsup", "redoc", "swagger-ui-dist", "@electric-sql+pglite"]) {
      expect(packages).not.toContain(name);
    }
    expect(await megabytesOf(tree)).toBeLessThan(LARGEST_TREE);

    const port = await findFreePort();
    const env = { PATH: process.env["PATH"], NODE_ENV: "production", HOST: "0.0.0.0", PORT: `${port}` };
    const settings = { ...env, DATABASE_URL: database.url, SERVICE_API_KEYS: "a-key-of-this-test-alone" };
    const options = { cwd: empty, env: settings, ...identityOf(await findServerAccount()) };
    const program = join(tree, "bin", "flux-dao.js");
    await run(process.execPath, [program, "migrate"], options);

    const service = spawn(process.execPath, [program, "serve"], { ...options, stdio: ["ignore", "ignore", "pipe"] });
    const ended = once(service, "close");
    try {
      const base = `http://127.0.0.1:${port}`;
      await expect.poll(() => fetch(`${base}/ready`).then(({ status }) => status), { timeout: 20_000 }).toBe(200);
      expect((await fetch(`${base}/health`)).status).toBe(200);
      const headers = { "X-Flux-Service-Key": "a-key-of-this-test-alone", "Content-Type": "application/json" };
      const body = JSON.stringify({ name: "Ada", email: "ada@example.com" });
      const made = await fetch(`${base}/api/v1/users/`, { method: "POST", headers, body });
      expect(made.status).toBe(201);
      const { id }: { id: string } = JSON.parse(await made.text());
      expect(await (await fetch(`${base}/api/v1/users/${id}`, { headers })).json()).toMatchObject({ name: "Ada" });
      expect((await fetch(`${base}/docs`)).status).toBe(200);
    } finally {
      service.kill("SIGTERM");
      await ended;
    }
    expect(service.exitCode).toBe(0);
  } finally {
    await database.drop();
    await run("chmod", ["-R", "u+w", folder, empty]);
    await Promise.all([folder, empty].map((path) => rm(path, { recursive: true })));
  }
});
