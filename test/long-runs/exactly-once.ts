import { createTestDatabase } from "@flux/dao-core/testing";
import type { Moment } from "../exactly-once/killed-server.ts";
import { killAtEach } from "../exactly-once/kills.ts";
import { compileServer } from "../exactly-once/server-process.ts";
import type { LongRun, LongRunResult } from "./long-run.ts";

const MOMENTS: readonly Moment[] = ["before the work", "before the commit", "after the commit"];
/** Kills at each moment. */
const KILLS = 200;

/**
 * Kills the server at each moment again and again, with requests in flight that their clients then retry with the same
 * idempotency keys: no goal may exist twice, or be missing.
 */
export async function run(run: LongRun): Promise<LongRunResult> {
  const moments = MOMENTS.filter((moment) => run.wants(moment))
    .flatMap((moment) =>
      Array.from({ length: run.amount(KILLS) }, (): [number, Moment] => [run.random.fraction(), moment]),
    )
    .sort(([one], [two]) => one - two)
    .map(([, moment]) => moment);
  const database = await createTestDatabase({ serverUrl: await run.startServer() });
  run.defer(() => database.drop());
  const program = await compileServer();
  run.defer(() => program[Symbol.asyncDispose]());
  const tally = await killAtEach(moments, run.random, { program, databaseUrl: database.url });
  console.log(`\n${tally}`);
  for (const problem of tally.problems) run.violate(problem);
  return { count: moments.length, what: "kills" };
}
