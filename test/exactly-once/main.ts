/**
 * `pnpm test:exactly-once`: kills the server 200 times at each of three moments (`--kills`), with requests under way that
 * their clients then send again under the same idempotency keys. `--seed 7` replays the same choices. Exits with 1 on a
 * goal that is there twice, or not at all.
 */
import { parseArgs } from "node:util";
import { createTestDatabase } from "@flux/dao-core/testing";
import { startTestServer } from "../../scripts/postgres/test-server.ts";
import { Random } from "../random.ts";
import type { Moment } from "./killed-server.ts";
import { killAtEach } from "./kills.ts";
import { compileServer } from "./server-process.ts";

const { values: flags } = parseArgs({ options: { seed: { type: "string" }, kills: { type: "string" } } });
const seed = flags.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(flags.seed);
console.log(`seed ${seed}`);

const random = new Random(seed);
const kills = Number(flags.kills ?? 200);
const moments = (["before the work", "before the commit", "after the commit"] as const)
  .flatMap((moment) => Array.from({ length: kills }, (): [number, Moment] => [random.next(), moment]))
  .sort(([one], [two]) => one - two)
  .map(([, moment]) => moment);

const postgres = await startTestServer();
try {
  console.log(postgres.describe);
  await using database = await createTestDatabase({ serverUrl: postgres.url });
  await using program = await compileServer();
  const begun = performance.now();
  const tally = await killAtEach(moments, random, { program, databaseUrl: database.url });
  const minutes = ((performance.now() - begun) / 60_000).toFixed(1);
  console.log(`\n${tally}\n\nseed ${seed}: ${moments.length} kills in ${minutes} minutes`);
  if (!tally.isClean || moments.length === 0) process.exitCode = 1;
} finally {
  await postgres.stop();
}
