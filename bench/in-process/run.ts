import { type Cell, type Contest, compare } from "../comparison.ts";
import type { BenchDatabase } from "../data/bench-database.ts";
import { OPERATIONS, type OperationName } from "../operations.ts";
import { type Plan, SETTLE_MS, sliceOf } from "../plan.ts";
import { Child } from "../processes/child.ts";
import { assertSameResult } from "../same-result.ts";
import { warmUp } from "../warm-up.ts";
import { CONTENDERS, type ContenderKind, type ContenderName, MAIN_CALLERS, YARDSTICK } from "./contenders.ts";
import type { WorkerCommands } from "./worker.ts";

interface Worker {
  readonly process: Child<WorkerCommands>;
  readonly operations: readonly OperationName[];
}

type Workers = ReadonlyMap<ContenderName, Worker>;

/**
 * Compares contenders, each in a process of its own. Contenders that the plan excludes or the machine lacks are skipped.
 */
export async function compareInProcess(
  database: BenchDatabase,
  workerFile: string,
  names: readonly ContenderName[],
  prismaClient: string | undefined,
  plan: Plan,
): Promise<Cell[]> {
  const processes = new Map<ContenderName, Child<WorkerCommands>>();
  try {
    const workers = new Map<ContenderName, Worker>();
    for (const name of names) {
      const process = new Child<WorkerCommands>(workerFile, {
        args: [name, database.url],
        nodeArgs: ["--expose-gc"],
        env: { NODE_ENV: "production", ...(prismaClient !== undefined && { PRISMA_CLIENT: prismaClient }) },
      });
      processes.set(name, process);
      workers.set(name, { process, operations: await process.ask("prepare", database.inputs) });
    }
    for (const operation of plan.operations) await check(database, workers, operation);
    await database.tidy();
    const cells: Cell[] = [];
    // From the second concurrency on, all contenders are warm.
    for (const callers of plan.isShort ? [MAIN_CALLERS] : [MAIN_CALLERS, 1, 100]) {
      cells.push(...(await compareCalls(database, workers, callers, plan)));
    }
    return [...cells, ...(await compareLongCalls(database, workers, plan))];
  } finally {
    await Promise.all([...processes.values()].map((process) => process.stop()));
  }
}

function compareCalls(database: BenchDatabase, workers: Workers, callers: number, plan: Plan): Promise<Cell[]> {
  const operations = plan.operations.filter((name) => OPERATIONS[name].pace !== "long");
  const contests = operations.map((operation) => contest(workers, operation, callers));
  return compare(
    contests,
    { rounds: plan.rounds, callers, warmsUp: callers === MAIN_CALLERS },
    async (contender, operation, isWarmUp) => {
      const { process } = worker(workers, contender);
      const measure = async (milliseconds: number) => {
        const slice = await process.ask("run", { operation, callers, milliseconds });
        if (OPERATIONS[operation].writes) await database.tidy();
        const { operations, elapsedMs, cpuMs, p50, p99 } = slice;
        return { perSecond: (operations / elapsedMs) * 1000, cpuMs: cpuMs / operations, p50, p99 };
      };
      if (isWarmUp) await warmUp(async (milliseconds) => (await measure(milliseconds)).cpuMs, plan.warmUp);
      else if (OPERATIONS[operation].pace === "quick")
        await process.ask("run", { operation, callers, milliseconds: SETTLE_MS });
      return measure(sliceOf(operation, plan));
    },
  );
}

function compareLongCalls(database: BenchDatabase, workers: Workers, plan: Plan): Promise<Cell[]> {
  const operations = plan.operations.filter((name) => OPERATIONS[name].pace === "long");
  const contests = operations.map((operation) => contest(workers, operation, undefined));
  // The check has warmed up all contenders.
  const rows = { import: plan.importRows, export: database.tasks };
  return compare(contests, { rounds: plan.longRounds, callers: 1, warmsUp: false }, async (contender, operation) => {
    const slice = await worker(workers, contender).process.ask("runOnce", { operation });
    if (OPERATIONS[operation].writes) await database.tidy();
    const count = operation === "import" ? rows.import : rows.export;
    const { elapsedMs, cpuMs, p50, p99, rssGrowthMb } = slice;
    return { perSecond: (count / elapsedMs) * 1000, cpuMs: cpuMs / count, p50, p99, rssGrowthMb };
  });
}

/**
 * @param callers concurrent callers; `undefined` for a long operation, which is measured for every contender that supports it
 */
function contest(workers: Workers, operation: OperationName, callers: number | undefined) {
  const contenders = [...workers.keys()].filter((name) => {
    const { callers: measuredAt, only }: ContenderKind = CONTENDERS[name];
    if (only !== undefined && !only.includes(operation)) return false;
    if (callers !== undefined && !measuredAt.includes(callers)) return false;
    return worker(workers, name).operations.includes(operation);
  });
  return {
    operation,
    isSlow: OPERATIONS[operation].pace === "slow",
    contenders,
  } satisfies Contest<OperationName, ContenderName>;
}

/** All contenders must return what the yardstick returns. */
async function check(database: BenchDatabase, workers: Workers, operation: OperationName): Promise<void> {
  const { writes, creates, pace } = OPERATIONS[operation];
  for (const call of pace === "long" ? [0] : [0, 1, 2]) {
    const ask = async ({ process }: Worker) => {
      if (writes) await database.tidy();
      return process.ask("call", { operation, call });
    };
    const expected = await ask(worker(workers, YARDSTICK));
    for (const [name, contender] of workers) {
      if (name === YARDSTICK || !contender.operations.includes(operation)) continue;
      assertSameResult({ operation, contender: name, creates }, await ask(contender), expected);
    }
  }
}

function worker(workers: Workers, name: ContenderName): Worker {
  const found = workers.get(name);
  if (found === undefined) throw new Error(`${name} is not running.`);
  return found;
}
