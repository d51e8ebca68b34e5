import { checkMode, MODES, type Mode } from "../model/check-mode.ts";
import { neverReached } from "../model/documented.ts";
import { Tally } from "../model/tally.ts";
import { openWorld } from "../model/world.ts";
import type { LongRun, LongRunResult } from "./long-run.ts";

const ENGINES = ["postgres", "pglite"] as const;
type Engine = (typeof ENGINES)[number];

const SEQUENCES: Readonly<Record<Engine, Readonly<Record<Mode, number>>>> = {
  postgres: { sequential: 6_500, concurrent: 3_000 },
  pglite: { sequential: 1_200, concurrent: 400 },
};

/**
 * Random operations of all services against the oracle, sequential and concurrent, on PostgreSQL and on PGlite.
 * `--only postgres/concurrent --path 17` repeats one sequence. Every documented outcome must occur, too.
 */
export async function run(run: LongRun): Promise<LongRunResult> {
  const url = await run.startServer();
  let count = 0;
  for (const engine of ENGINES) {
    const tallies: Tally[] = [];
    for (const mode of MODES.filter((mode) => run.wants(`${engine}/${mode}`))) {
      await using world = await openWorld(engine === "postgres" ? url : undefined);
      const start = performance.now();
      const seconds = () => `${((performance.now() - start) / 1_000).toFixed(0)} s`;
      const sequences = run.amount(SEQUENCES[engine][mode]);
      let done = 0;
      const onSequence = () => {
        if (++done % 500 === 0) console.log(`  ${engine}/${mode}: ${done} of ${sequences} sequences, ${seconds()}`);
      };
      const result = await checkMode(world, mode, { seed: run.seed, sequences, path: run.path, onSequence });
      count += result.sequences;
      tallies.push(result.tally);
      console.log(
        `${engine}/${mode}: ${result.sequences} sequences, ${result.tally.calls} calls, ${seconds()}\n${result.tally}`,
      );
      if (result.failure !== undefined) {
        run.violate(`${engine}/${mode} --path ${result.failure.path}: a counterexample\n${result.failure.report}`);
      }
    }
    if (!run.isWhole) continue;
    for (const missing of neverReached(Tally.sum(tallies))) run.violate(`${engine}: never reached: ${missing}`);
  }
  return { count, what: "sequences" };
}
