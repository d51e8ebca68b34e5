/** One contender of the in-process comparison: `worker.js <contender> <database URL>`. */
import type { Inputs } from "../data/inputs.ts";
import type { OperationName, Operations } from "../operations.ts";
import { handleCommands } from "../processes/commands.ts";
import { RssGrowth } from "../processes/rss-growth.ts";
import { measure, measureCalls, type Slice } from "../slice.ts";
import { Calls } from "./calls.ts";
import type { ContenderName } from "./contenders.ts";
import { openContender } from "./open-contender.ts";

// A type, since an interface has no implicit index signature.
export type WorkerCommands = {
  /** @returns the operations that the contender supports */
  prepare: { request: Inputs; response: OperationName[] };
  /** Calls the operation from `callers` concurrent callers, until the time is over and the last call has returned. */
  run: { request: { operation: OperationName; callers: number; milliseconds: number }; response: Slice };
  /** Calls the operation once. */
  runOnce: { request: { operation: OperationName }; response: Slice & { readonly rssGrowthMb: number } };
  /** The result of one call, as JSON. */
  call: { request: { operation: OperationName; call: number }; response: unknown };
};

const [contender, url = ""] = process.argv.slice(2);
let operations: Operations | undefined;
let calls = 0;

handleCommands<WorkerCommands>({
  prepare: async (inputs) => {
    operations = await openContender(contender as ContenderName, url, new Calls(inputs));
    return Object.keys(operations) as OperationName[];
  },
  run: ({ operation, callers, milliseconds }) => {
    const call = callOf(operation);
    return measureCalls(() => call(calls++), callers, milliseconds);
  },
  runOnce: async ({ operation }) => {
    const call = callOf(operation);
    const growth = new RssGrowth();
    const slice = await measure(async (times) => {
      const start = performance.now();
      await call(calls++);
      times.push(performance.now() - start);
    });
    return { ...slice, rssGrowthMb: growth.stop() };
  },
  call: async ({ operation, call }) => callOf(operation)(call),
});

function callOf(operation: OperationName): (call: number) => Promise<unknown> {
  const call = operations?.[operation];
  if (call === undefined) throw new Error(`${contender} does not support ${operation}, or was not prepared.`);
  return call;
}
