import { median } from "../median.ts";
import { Child } from "../processes/child.ts";
import type { ExportCommands, ExportRun } from "./child-export.ts";
import type { FullDatabase } from "./databases.ts";

/** `streamTasks` compared with a cursor of postgres.js. */
export interface ExportResult {
  readonly rows: number;
  readonly ours: ExportRun;
  readonly handwritten: ExportRun;
  /** Rows per second, ours ÷ by hand: the median of the rounds. */
  readonly ratio: number;
  /** The same for the CPU time of the reading process. */
  readonly cpuRatio: number;
}

const ROUNDS = 3;

/** Reads the newest million tasks (or all, if there are fewer) on both sides in turn, each time in a new process. */
export async function measureExport(database: FullDatabase, childFile: string): Promise<ExportResult> {
  const rows = Math.min(database.tasks, 1_000_000);
  const runs: Record<"ours" | "handwritten", ExportRun>[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const ours = await read("ours");
    runs.push({ ours, handwritten: await read("handwritten") });
  }
  return {
    rows,
    ours: medians(runs.map(({ ours }) => ours)),
    handwritten: medians(runs.map(({ handwritten }) => handwritten)),
    ratio: median(runs.map(({ ours, handwritten }) => handwritten.elapsedMs / ours.elapsedMs)),
    cpuRatio: median(runs.map(({ ours, handwritten }) => ours.cpuMs / handwritten.cpuMs)),
  };

  async function read(side: "ours" | "handwritten"): Promise<ExportRun> {
    const child = new Child<ExportCommands>(childFile, { args: [side, database.url] });
    try {
      return await child.ask("read", { rows });
    } finally {
      await child.stop();
    }
  }
}

function medians(runs: readonly ExportRun[]): ExportRun {
  const of = (name: keyof ExportRun) => median(runs.map((run) => run[name]));
  return {
    rows: of("rows"),
    elapsedMs: of("elapsedMs"),
    cpuMs: of("cpuMs"),
    beforeMb: of("beforeMb"),
    warmMb: of("warmMb"),
    peakMb: of("peakMb"),
  };
}
