import { median } from "../median.ts";
import { Child } from "../processes/child.ts";
import type { ImportCommands, ImportRun, ImportSide } from "./child-import.ts";
import type { FullDatabase } from "./databases.ts";

/** `createTasks` compared with hand-written statements. */
export interface ImportResult {
  readonly rows: number;
  readonly sides: Readonly<Record<ImportSide, ImportRun>>;
  /** Rows per second, ours ÷ theirs: the median of the rounds. */
  readonly ratioToUnnest: number;
  readonly ratioToCopy: number;
}

const SIDES: readonly ImportSide[] = ["ours", "unnest", "copy"];
const ROWS = 100_000;
const ROUNDS = 5;

/** Imports 100,000 tasks on each side in turn, each time in a new process, and removes them again. */
export async function measureImport({ url, sql, samples }: FullDatabase, childFile: string): Promise<ImportResult> {
  const rounds: Record<ImportSide, ImportRun>[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const runs: Partial<Record<ImportSide, ImportRun>> = {};
    // The order rotates.
    for (let place = 0; place < SIDES.length; place++) {
      const side = SIDES[(place + round) % SIDES.length];
      if (side !== undefined) runs[side] = await write(side);
    }
    const { ours, unnest, copy } = runs;
    if (ours !== undefined && unnest !== undefined && copy !== undefined) rounds.push({ ours, unnest, copy });
  }
  const ratioTo = (side: ImportSide) => median(rounds.map((round) => round[side].elapsedMs / round.ours.elapsedMs));
  return {
    rows: ROWS,
    sides: {
      ours: medians(rounds.map(({ ours }) => ours)),
      unnest: medians(rounds.map(({ unnest }) => unnest)),
      copy: medians(rounds.map(({ copy }) => copy)),
    },
    ratioToUnnest: ratioTo("unnest"),
    ratioToCopy: ratioTo("copy"),
  };

  async function write(side: ImportSide): Promise<ImportRun> {
    const child = new Child<ImportCommands>(childFile, { args: [side, url] });
    try {
      return await child.ask("write", { rows: ROWS, parents: samples.parents });
    } finally {
      await child.stop();
      await sql`delete from tasks where title like 'Imported %'`;
      await sql.unsafe("vacuum analyze tasks");
    }
  }
}

function medians(runs: readonly ImportRun[]): ImportRun {
  const of = (name: keyof ImportRun) => median(runs.map((run) => run[name]));
  return {
    elapsedMs: of("elapsedMs"),
    cpuMs: of("cpuMs"),
    beforeMb: of("beforeMb"),
    warmMb: of("warmMb"),
    peakMb: of("peakMb"),
  };
}
