import { answerCommands, type CommandTable } from "./commands.ts";

/** The commands of a process that was started with this module before its own (`node --import`). */
export interface UsageCommands extends CommandTable {
  /** Milliseconds of processor time since the start, and megabytes in memory. */
  usage: { request: null; response: { cpuMs: number; rssMb: number } };
}

answerCommands<UsageCommands>({
  usage: async () => ({ cpuMs: cpuMilliseconds(), rssMb: process.memoryUsage.rss() / 1e6 }),
});

function cpuMilliseconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
