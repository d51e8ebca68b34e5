import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, inject, test } from "vitest";
import { findFreePort } from "../../scripts/postgres/free-port.ts";
import { succeed } from "./run.ts";
import { isLong } from "./typescript-versions.ts";

const { tools } = inject("projects");
const program = join("node_modules", "@flux", "dao-http", "bin", "flux-dao.js");

test.skipIf(!isLong).each([
  ["bun", []],
  ["deno", ["run", "--allow-all"]],
])("%s migrates, seeds and serves an embedded database, and stops cleanly", async (name, args) => {
  const cwd = join(tools, name);
  await mkdir(cwd);
  await succeed("npm", ["init", "-y"], { cwd });
  const tarballs = Object.values(inject("tarballs"));
  await succeed("npm", ["install", "--no-audit", "--no-fund", ...tarballs, "zod", "@electric-sql/pglite", name], {
    cwd,
  });
  // npm may not run what puts the program in place.
  if (name === "bun") await succeed("node", [join("node_modules", "bun", "install.js")], { cwd });
  const runtime = join(cwd, "node_modules", ".bin", name);
  const env = { DATABASE_URL: "./data", PORT: String(await findFreePort()) };
  await succeed(runtime, [...args, program, "migrate"], { cwd, env });
  await succeed(runtime, [...args, program, "seed", "--users", "1", "--tasks", "10"], { cwd, env });
  // Twice: a stop that is not clean leaves the folder locked.
  for (const _ of [1, 2]) {
    const service = spawn(runtime, [...args, program, "serve"], {
      cwd,
      env: { ...process.env, ...env },
      stdio: "ignore",
    });
    const ended = once(service, "exit");
    const headers = { "x-flux-service-key": "scheduler-key-def" };
    const count = () =>
      fetch(`http://127.0.0.1:${env.PORT}/api/v1/tasks/count`, { headers }).then((response) => response.json());
    await expect.poll(() => count().catch(() => undefined), { timeout: 30_000 }).toEqual({ total: 10 });
    service.kill("SIGTERM");
    expect(await ended).toEqual([0, null]);
  }
});
