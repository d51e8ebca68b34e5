/**
 * `pnpm test:faults`, `test:failover`, `test:patroni`, `test:model`, `test:exactly-once`, `test:migrations`, `test:overload`,
 * `test:changes` and `test:fuzz`: `main.ts NAME --flags`.
 */
import { LongRun, type LongRunResult } from "./long-run.ts";

const harnesses: Readonly<Record<string, () => Promise<{ run(run: LongRun): Promise<LongRunResult> }>>> = {
  faults: () => import("./faults.ts"),
  failover: () => import("./failover.ts"),
  patroni: () => import("./patroni.ts"),
  model: () => import("./model.ts"),
  "exactly-once": () => import("./exactly-once.ts"),
  migrations: () => import("./migrations.ts"),
  overload: () => import("./overload.ts"),
  changes: () => import("./changes.ts"),
  fuzz: () => import("./fuzz.ts"),
};

const [name = "", ...args] = process.argv.slice(2);
const load = harnesses[name];
if (load === undefined) throw new RangeError(`There is no ${name}: ${Object.keys(harnesses).join(", ")}`);
const { run } = await load();
process.exit(await new LongRun(name, args).of(run));
