/**
 * `pnpm test:model`: random operations of all services against the oracle, one after the other and many at once, on
 * PostgreSQL and on PGlite. `--seed N` repeats a run; `--only postgres/concurrent --path 17` one sequence of it, `--share 0.1`
 * a tenth. Ends in 1 if an answer breaks the specification, or if one that is documented was never reached.
 */
import { parseArgs } from "node:util";
import { startTestServer } from "../../scripts/postgres/test-server.ts";
import { neverReached } from "./documented.ts";
import { MODES, type Mode, runLane } from "./lane.ts";
import { Tally } from "./tally.ts";
import { openWorld } from "./world.ts";

const SEQUENCES = {
  postgres: { sequential: 6_500, concurrent: 3_000 },
  pglite: { sequential: 1_200, concurrent: 400 },
} as const;

const { values: flags } = parseArgs({
  options: {
    seed: { type: "string" },
    only: { type: "string" },
    path: { type: "string" },
    share: { type: "string", default: "1" },
  },
});
const seed = Number(flags.seed ?? Math.floor(Math.random() * 2 ** 31));
const share = Number(flags.share);
if (!Number.isInteger(seed) || !(share > 0)) throw new RangeError("--seed takes a whole number, --share one above 0");
console.log(`Seed ${seed}`);

const server = await startTestServer();
console.log(`${server.describe}; Node.js ${process.version}`);
const began = performance.now();
let sequences = 0;
let isGreen = true;
try {
  for (const engine of ["postgres", "pglite"] as const) isGreen = (await runEngine(engine)) && isGreen;
} finally {
  await server.stop();
}
console.log(`${isGreen ? "Green" : "RED"}: ${sequences} sequences in ${seconds(began)} s, seed ${seed}`);
process.exitCode = isGreen ? 0 : 1;

async function runEngine(engine: keyof typeof SEQUENCES): Promise<boolean> {
  const modes = MODES.filter((mode) => flags.only === undefined || flags.only === `${engine}/${mode}`);
  const tallies: Tally[] = [];
  for (const mode of modes) {
    const tally = await run(engine, mode);
    if (tally === undefined) return false;
    tallies.push(tally);
  }
  if (modes.length < MODES.length || share < 1) return true;
  const missing = neverReached(Tally.sum(tallies));
  if (missing.length > 0) console.log(`${engine}: never reached, though documented:\n  ${missing.join("\n  ")}`);
  return missing.length === 0;
}

/** The tally of a lane, or `undefined` where there is a counterexample. */
async function run(engine: keyof typeof SEQUENCES, mode: Mode): Promise<Tally | undefined> {
  const start = performance.now();
  const wanted = Math.ceil(SEQUENCES[engine][mode] * share);
  let done = 0;
  const onSequence = () => {
    if (++done % 500 === 0) console.log(`  ${engine}/${mode}: ${done} of ${wanted} sequences, ${seconds(start)} s`);
  };
  await using world = await openWorld(engine === "postgres" ? server.url : undefined);
  const {
    tally,
    sequences: ran,
    failure,
  } = await runLane(world, mode, { seed, sequences: wanted, path: flags.path, onSequence });
  sequences += ran;
  console.log(`${engine}/${mode}: ${ran} sequences, ${tally.calls} calls, ${seconds(start)} s\n${tally}`);
  if (failure === undefined) return tally;
  console.log(`\nCounterexample:\n${failure.report}\n`);
  console.log(`Again: npx tsx test/model/main.ts --seed ${seed} --only ${engine}/${mode} --path ${failure.path}`);
  return undefined;
}

function seconds(since: number): string {
  return ((performance.now() - since) / 1_000).toFixed(0);
}
