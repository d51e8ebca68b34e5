/** Loaded before the service's own program (`node --import`), so that it reports how long its event loop was blocked. */
import { handleCommands } from "../../bench/processes/commands.ts";

export type LoopCommands = {
  /** Starts measuring. */
  start: { request: undefined; response: undefined };
  /** Milliseconds of CPU time: the most that one turn has used since the last report. */
  longest: { request: undefined; response: number };
};

// CPU time, not elapsed time: on a busy machine every turn takes long.
let longest = 0;
let last = process.cpuUsage();
setInterval(() => {
  const { user, system } = process.cpuUsage(last);
  last = process.cpuUsage();
  longest = Math.max(longest, (user + system) / 1_000);
}, 1).unref();

handleCommands<LoopCommands>({
  start: async () => {
    longest = 0;
    return undefined;
  },
  longest: async () => longest,
});
