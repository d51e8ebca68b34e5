/** Loaded before the service's own program (`node --import`), so that it tells how long its event loop was kept busy. */
import { answerCommands } from "../../bench/processes/commands.ts";

export type LoopCommands = {
  /** Begins to measure. */
  start: { request: undefined; response: undefined };
  /** Milliseconds of processor time, the most that were spent between two turns since. */
  longest: { request: undefined; response: number };
};

// Of the processor, not of the clock: a machine that has other work makes every turn long.
let longest = 0;
let last = process.cpuUsage();
setInterval(() => {
  const { user, system } = process.cpuUsage(last);
  last = process.cpuUsage();
  longest = Math.max(longest, (user + system) / 1_000);
}, 1).unref();

answerCommands<LoopCommands>({
  start: async () => {
    longest = 0;
    return undefined;
  },
  longest: async () => longest,
});
