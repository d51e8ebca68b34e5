import { answerCommands, type CommandTable } from "./commands.ts";
import { RssGrowth } from "./rss-growth.ts";

/** The commands of a process that was started with this module before its own (`node --import`). */
export interface UsageCommands extends CommandTable {
  /** Milliseconds of processor time since the start, and megabytes in memory. */
  usage: { request: null; response: { cpuMs: number; rssMb: number } };
  /** Begins to watch how much the memory grows. */
  watchGrowth: { request: null; response: null };
  /** Ends that. @returns megabytes at most */
  growth: { request: null; response: number };
}

let growth: RssGrowth | undefined;

answerCommands<UsageCommands>({
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
