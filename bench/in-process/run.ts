import { type Comparison, compare } from "../comparison.ts";
import type { BenchDatabase } from "../data/bench-database.ts";
import { OPERATIONS, type OperationName } from "../operations.ts";
import { comparedOperations, type Plan } from "../plan.ts";
import { Child } from "../processes/child.ts";
import { assertSameAnswer } from "../same-answer.ts";
import type { WorkerCommands } from "./worker.ts";

/** Callers at once. */
export const CONCURRENCY = 32;

/** Compares the services with hand-written SQL, each side in a process of its own. */
export async function compareInProcess(database: BenchDatabase, workerFile: string, plan: Plan): Promise<Comparison[]> {
  const workers = {
    ours: new Child<WorkerCommands>(workerFile, { args: ["ours", database.url] }),
    yardstick: new Child<WorkerCommands>(workerFile, { args: ["handwritten", database.url] }),
  };
  try {
    for (const worker of Object.values(workers)) await worker.ask("prepare", database.inputs);
    for (const operation of plan.operations) await check(workers, operation);
    await database.tidy();
    return await compare(comparedOperations(plan), plan.rounds, async (side, operation, isWarmUp) => {
      const milliseconds = plan.sliceMs * (isWarmUp ? 4 : 1);
      const slice = await workers[side].ask("run", { operation, concurrency: CONCURRENCY, milliseconds });
      if (OPERATIONS[operation].writes) await database.tidy();
      return { perSecond: (slice.operations / slice.elapsedMs) * 1000, cpuMs: slice.cpuMs / slice.operations };
    });
  } finally {
    await Promise.all(Object.values(workers).map((worker) => worker.stop()));
  }
}

async function check(
  workers: Record<"ours" | "yardstick", Child<WorkerCommands>>,
  operation: OperationName,
): Promise<void> {
  for (const call of [0, 1, 2]) {
    const ours = await workers.ours.ask("answer", { operation, call });
    const yardstick = await workers.yardstick.ask("answer", { operation, call });
    assertSameAnswer(operation, ours, yardstick, OPERATIONS[operation].creates);
  }
}
