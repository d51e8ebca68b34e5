import { spawnSync } from "node:child_process";
import { startTestServer } from "./postgres/test-server.ts";

/** Runs the examples that need a PostgreSQL server: the one that TEST_DATABASE_URL names, or a temporary one. */
const server = await startTestServer();
console.log(`On ${server.describe}:`);
const { status } = spawnSync("pnpm", ["--filter", "flux-dao-examples", "all:postgres"], {
  stdio: "inherit",
  env: { ...process.env, DATABASE_URL: server.url },
});
await server.stop();
process.exitCode = status ?? 1;
