import { createTestDatabase } from "@flux/dao-core/testing";
import { runFeed } from "../changes/feed-run.ts";
import type { LongRun, LongRunResult } from "./long-run.ts";

const WRITERS = 24;
const SECONDS = 600;

/**
 * Writers with open transactions and rollbacks, while sessions of readers and writers and the whole server are killed: every reader must
 * be told of every committed change, once, without a gap, in the order of its writer.
 */
export async function run(run: LongRun): Promise<LongRunResult> {
  const serverUrl = await run.startServer();
  const testDatabase = await createTestDatabase({ serverUrl, changes: true });
  run.defer(() => testDatabase.drop());
  await testDatabase.database.close();
  // A server in a container, or elsewhere, has no process ids here.
  const crashServer = run.serverKind === "embedded";
  const seconds = run.amount(SECONDS);
  const result = await runFeed({ url: testDatabase.url, seconds, writers: WRITERS, random: run.random, crashServer });
  console.log(`\n${JSON.stringify(result)}`);
  for (const name of ["lost", "gaps", "twice", "outOfOrder"] as const) {
    run.check(result[name] === 0, `${result[name]} ${name}`);
  }
  for (const problem of result.problems) run.violate(problem);
  return { count: result.changes, what: "changes" };
}
