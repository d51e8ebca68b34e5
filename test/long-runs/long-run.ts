import { constants } from "node:os";
import { parseArgs } from "node:util";
import { Random } from "../../packages/dao-core/src/testing/demo-data/random.ts";
import { startTestServer, type TestServer } from "../../scripts/postgres/test-server.ts";

const MOST_SHOWN = 50;

/** The work of a harness: how many, and of what. */
export interface LongRunResult {
  readonly count: number;
  readonly what: string;
}

/**
 * A run of one harness, with the flags that all of them share: `--seed 7` repeats the same choices (but not the machine's
 * timing), `--share 0.1` runs a tenth, `--only TEXT` runs the parts whose names contain that text, and `--path 17` begins with
 * a case that the harness has printed.
 */
export class LongRun {
  readonly seed: number;
  readonly random: Random;
  readonly share: number;
  readonly path: string | undefined;
  readonly #name: string;
  readonly #only: string | undefined;
  readonly #cleanups: (() => PromiseLike<unknown>)[] = [];
  /** Where the server of {@link startServer} runs. */
  serverKind: TestServer["kind"] | undefined;
  #violations = 0;

  constructor(name: string, args: readonly string[]) {
    const type = "string";
    const options = { seed: { type }, share: { type, default: "1" }, only: { type }, path: { type } } as const;
    const { values } = parseArgs({ args: [...args], options });
    this.seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
    this.share = Number(values.share);
    if (!Number.isInteger(this.seed)) throw new RangeError("--seed takes a whole number");
    if (!(this.share > 0)) throw new RangeError("--share takes a number above 0");
    this.random = new Random(this.seed);
    this.path = values.path;
    this.#name = name;
    this.#only = values.only;
  }

  /** Runs the harness, and resolves with the exit code: 1 if there was a violation, or if nothing was done. */
  async of(harness: (run: LongRun) => Promise<LongRunResult>): Promise<number> {
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      process.once(signal, () => void this.#end().finally(() => process.exit(128 + constants.signals[signal])));
    }
    console.log(`seed ${this.seed}; Node.js ${process.version}`);
    const begun = performance.now();
    try {
      const { count, what } = await harness(this);
      if (count === 0) this.violate("nothing was done");
      const minutes = ((performance.now() - begun) / 60_000).toFixed(1);
      console.log(`\n${count.toLocaleString("en")} ${what} in ${minutes} minutes, ${this.#violations} violations`);
    } finally {
      await this.#end();
    }
    if (this.#violations > 0) console.log(`Again: pnpm test:${this.#name} --seed ${this.seed} --share ${this.share}`);
    return this.#violations === 0 ? 0 : 1;
  }

  /** Whether to run a part of this name. */
  wants(part: string): boolean {
    return this.#only === undefined || part.includes(this.#only);
  }

  /** Whether no flag restricts the run. */
  get isWhole(): boolean {
    return this.#only === undefined && this.share >= 1;
  }

  /** `usual` scaled by `--share`, at least one. */
  amount(usual: number): number {
    return Math.max(1, Math.round(usual * this.share));
  }

  /** Records something that must never happen. */
  violate(what: string): void {
    if (++this.#violations <= MOST_SHOWN) console.log(`VIOLATION: ${what}`);
  }

  check(isFine: boolean, otherwise: string): void {
    if (!isFine) this.violate(otherwise);
  }

  /** Runs `cleanup` at the end of the run, however it ends, in reverse order. */
  defer(cleanup: () => PromiseLike<unknown>): void {
    this.#cleanups.push(cleanup);
  }

  /** A PostgreSQL server for this run alone; returns its URL. */
  async startServer(): Promise<string> {
    const server = await startTestServer();
    this.defer(() => server.stop());
    this.serverKind = server.kind;
    console.log(server.describe);
    return server.url;
  }

  async #end(): Promise<void> {
    for (let cleanup = this.#cleanups.pop(); cleanup !== undefined; cleanup = this.#cleanups.pop()) await cleanup();
  }
}
