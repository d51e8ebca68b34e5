import { spawnSync } from "node:child_process";
import { providePrismaClient } from "../bench/in-process/contenders/prisma/provide-client.ts";

/** Runs the host tests on Prisma's client only, whose 300 MB no other test needs. */
const files = [
  "contract-hosts",
  "join-hosts",
  "host-interruptions",
  "host-read-only",
  "unit-of-work",
  "idempotency",
  "python-service-json",
];
const PRISMA_CLIENT = await providePrismaClient();
const paths = files.map((name) => `packages/dao-core/test/${name}`);
const { status } = spawnSync("vitest", ["run", "--project", "integration-hosts", ...paths], {
  stdio: "inherit",
  env: { ...process.env, PRISMA_CLIENT },
});
process.exitCode = status ?? 1;
