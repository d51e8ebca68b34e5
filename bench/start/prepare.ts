/**
 * `tsx bench/start/prepare.ts`: what `prepare: false` costs in-process, against prepared statements, in turn on one
 * server. `--json` prints the figures alone.
 */
import { parseArgs } from "node:util";
import { createDaoServices, type Database, openDatabase } from "@flux/dao-core";
import { openBenchDatabase } from "../data/bench-database.ts";
import type { Inputs } from "../data/inputs.ts";
import { markdownTable } from "../markdown-table.ts";
import { median } from "../median.ts";
import { nth } from "../operations.ts";

const ROUNDS = 15;
const SLICE_MS = 150;
const CONCURRENCY = [1, 32] as const;

type Call = (number: number) => Promise<unknown>;

interface Cost {
  readonly operation: string;
  readonly concurrency: number;
  readonly preparedPerSecond: number;
  readonly unpreparedPerSecond: number;
  /** The median of the rounds' ratios. */
  readonly ratio: number;
}

function callsOf(database: Database, { taskIds, weeks, scratch, begin }: Inputs): Readonly<Record<string, Call>> {
  const { tasks } = createDaoServices(database);
  return {
    find: (number) => tasks.getTask(nth(taskIds, number)),
    "by-timerange": (number) => {
      const { userId, start, end } = nth(weeks, number);
      return tasks.getTasksByTimerange({ userId, startTime: new Date(start), endTime: new Date(end) });
    },
    create: () => {
      const { userId, goalId } = scratch;
      return tasks.createTask({ userId, goalId, title: "Run 5 km at an easy pace", startTime: new Date(begin) });
    },
  };
}

/** @returns calls a second, by so many callers at once */
async function rate(call: Call, concurrency: number): Promise<number> {
  const begun = performance.now();
  let calls = 0;
  const caller = async () => {
    while (performance.now() - begun < SLICE_MS) await call(calls++);
  };
  await Promise.all(Array.from({ length: concurrency }, caller));
  return (calls / (performance.now() - begun)) * 1_000;
}

async function measure(): Promise<Cost[]> {
  await using bench = await openBenchDatabase();
  await using prepared = await openDatabase(bench.url);
  await using unprepared = await openDatabase(bench.url, { prepare: false });
  const sides = { prepared: callsOf(prepared, bench.inputs), unprepared: callsOf(unprepared, bench.inputs) };
  const costs: Cost[] = [];
  for (const [operation, preparedCall] of Object.entries(sides.prepared)) {
    const unpreparedCall = sides.unprepared[operation];
    if (unpreparedCall === undefined) throw new Error(`One side lacks ${operation}.`);
    for (const concurrency of CONCURRENCY) {
      const rounds = [];
      for (let round = 0; round <= ROUNDS; round++) {
        const one = await rate(preparedCall, concurrency);
        const other = await rate(unpreparedCall, concurrency);
        // The first one warms up.
        if (round > 0) rounds.push({ one, other });
      }
      await bench.tidy();
      costs.push({
        operation,
        concurrency,
        preparedPerSecond: median(rounds.map(({ one }) => one)),
        unpreparedPerSecond: median(rounds.map(({ other }) => other)),
        ratio: median(rounds.map(({ one, other }) => other / one)),
      });
    }
  }
  return costs;
}

const { values: flags } = parseArgs({ options: { json: { type: "boolean" } } });
const costs = await measure();
if (flags.json) console.log(JSON.stringify(costs, null, 2));
else {
  const whole = (value: number) => Math.round(value).toLocaleString("en");
  const rows = costs.map((cost) => [
    cost.operation,
    String(cost.concurrency),
    whole(cost.preparedPerSecond),
    whole(cost.unpreparedPerSecond),
    cost.ratio.toFixed(2),
  ]);
  console.log(markdownTable(["", "callers", "prepared, calls/s", "prepare: false, calls/s", "ratio"], rows));
}
