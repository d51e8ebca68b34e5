import { failOver } from "../failover/failovers.ts";
import { hasPatroni, PatroniCluster } from "../failover/patroni.ts";
import { reportFailovers } from "../failover/report.ts";
import type { LongRun, LongRunResult } from "./long-run.ts";

const TURNS = 6;

/** Servers under Patroni, of which the primary is killed, while writers write through HAProxy, and by a URL with both servers. */
export async function run(run: LongRun): Promise<LongRunResult> {
  if (!hasPatroni) throw new Error("Install it: apt-get install patroni etcd-server haproxy postgresql-15");
  const turns = run.amount(TURNS);
  const cluster = await PatroniCluster.start();
  run.defer(() => cluster[Symbol.asyncDispose]());
  console.log(cluster.describe);
  reportFailovers(await failOver(cluster, turns), run);
  return { count: turns, what: "failovers" };
}
