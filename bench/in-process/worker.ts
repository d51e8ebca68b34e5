/** One side of the in-process comparison: `worker.js ours|handwritten <database URL>`. */
import { openDatabase } from "@flux/dao-core";
import postgres from "postgres";
import type { Inputs } from "../data/inputs.ts";
import type { OperationName, Operations } from "../operations.ts";
import { answerCommands } from "../processes/commands.ts";
import { handwrittenOperations } from "./handwritten.ts";
import { ourOperations } from "./ours.ts";

/** A measured stretch of one operation. */
export interface Slice {
  readonly operations: number;
  readonly elapsedMs: number;
  /** Processor time of the side under test, the database's not included. */
  readonly cpuMs: number;
}

// A type, not an interface: an interface would not be known to hold nothing else.
export type WorkerCommands = {
  prepare: { request: Inputs; response: null };
  /** Calls the operation from `concurrency` callers at once, until the time is over and the last call has returned. */
  run: { request: { operation: OperationName; concurrency: number; milliseconds: number }; response: Slice };
  /** What one call answers, as JSON. */
  answer: { request: { operation: OperationName; call: number }; response: unknown };
};

const [side, url = ""] = process.argv.slice(2);
const POOL = 10;
let operations: Operations | undefined;
let calls = 0;

answerCommands<WorkerCommands>({
  prepare: async (inputs) => {
    operations =
      side === "ours"
        ? ourOperations(await openDatabase(url, { poolSize: POOL }), inputs)
        : handwrittenOperations(postgres(url, { max: POOL }), inputs);
    return null;
  },
  run: async ({ operation, concurrency, milliseconds }) => {
    const call = callOf(operation);
    const startCpu = process.cpuUsage();
    const start = performance.now();
    const first = calls;
    const caller = async () => {
      while (performance.now() - start < milliseconds) await call(calls++);
    };
    await Promise.all(Array.from({ length: concurrency }, caller));
    const elapsedMs = performance.now() - start;
    const { user, system } = process.cpuUsage(startCpu);
    return { operations: calls - first, elapsedMs, cpuMs: (user + system) / 1000 };
  },
  answer: async ({ operation, call }) => callOf(operation)(call),
});

function callOf(operation: OperationName): (call: number) => Promise<unknown> {
  if (operations === undefined) throw new Error("The worker was not prepared.");
  return operations[operation];
}
