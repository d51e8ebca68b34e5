import { type CommandTable, handleCommands } from "./commands.ts";
import { RssGrowth } from "./rss-growth.ts";

/** The commands of a process that preloads this module (`node --import`). */
export interface UsageCommands extends CommandTable {
  /** Milliseconds of CPU time since the start, and megabytes of memory. */
  usage: { request: null; response: { cpuMs: number; rssMb: number } };
  /** Starts to sample the growth of memory. */
  watchGrowth: { request: null; response: null };
  /** Stops sampling. @returns the maximum growth in megabytes */
  growth: { request: null; response: number };
}

let growth: RssGrowth | undefined;

handleCommands<UsageCommands>({
  usage: async () => ({ cpuMs: cpuMilliseconds(), rssMb: process.memoryUsage.rss() / 1e6 }),
  watchGrowth: async () => {
    growth?.stop();
    growth = new RssGrowth();
    return null;
  },
  growth: async () => growth?.stop() ?? 0,
});

function cpuMilliseconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
