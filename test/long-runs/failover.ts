import { failOver } from "../failover/failovers.ts";
import { ReplicaSet } from "../failover/replica-set.ts";
import { reportFailovers } from "../failover/report.ts";
import type { LongRun, LongRunResult } from "./long-run.ts";

const TURNS = 20;
/** Milliseconds from a kill to the order to take over, at most: those of whoever notices it. */
const LONGEST_PAUSE = 3_000;

/** A primary and a standby that take over from each other, while writers write by one URL with both. */
export async function run(run: LongRun): Promise<LongRunResult> {
  const turns = run.amount(TURNS);
  const cluster = await ReplicaSet.start(() => run.random.below(LONGEST_PAUSE));
  run.defer(() => cluster[Symbol.asyncDispose]());
  console.log(cluster.describe);
  reportFailovers(await failOver(cluster, turns), run);
  return { count: turns, what: "failovers" };
}
