import { Random } from "../../packages/dao-core/src/testing/demo-data/random.ts";
import { runCell } from "../faults/cell.ts";
import { faults } from "../faults/faults.ts";
import { FaultyServer } from "../faults/faulty-server.ts";
import { cellName, matrix } from "../faults/matrix.ts";
import { groupTable, violationTable } from "../faults/report.ts";
import { Tally } from "../faults/tally.ts";
import type { LongRun, LongRunResult } from "./long-run.ts";

/** The kill matrix: more than a thousand faults in some twelve minutes. `--only "response cut"` runs the cells of that name. */
export async function run(run: LongRun): Promise<LongRunResult> {
  const groups = new Map<string, Tally>();
  const server = await FaultyServer.start();
  run.defer(() => server[Symbol.asyncDispose]());
  console.log(await server.describe());
  for (const [index, cell] of [...matrix(run.share)].entries()) {
    // Each cell has its own seed, so that it makes the same choices when it runs alone.
    const own = new Random(run.seed, index);
    const name = cellName(cell);
    if (!run.wants(name)) continue;
    const start = performance.now();
    const tally = await runCell(server, cell, own);
    const seconds = ((performance.now() - start) / 1_000).toFixed(1);
    console.log(`${name}: ${tally.faults} faults in ${seconds} s, ${tally.refused + tally.unknown} calls failed`);
    for (const detail of tally.details) run.violate(detail);
    const key = `${cell.workload.name}|${cell.fault.name}`;
    const group = groups.get(key) ?? new Tally();
    group.add(tally);
    groups.set(key, group);
  }
  const total = new Tally();
  for (const [key, group] of groups) {
    total.add(group);
    // A fault without an effect proves nothing, unless that is what is promised: single statements are retried.
    const isUnnoticed = group.refused + group.unknown === 0 && !key.endsWith(`|${faults.tableAltered.name}`);
    if (isUnnoticed) run.violate(`no call was hit in ${key}`);
  }
  console.log(`\n${groupTable(groups, total)}\n\n${violationTable(total)}`);
  return { count: total.faults, what: "faults" };
}
