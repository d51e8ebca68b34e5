import { handleCommands } from "./commands.ts";
import { type CallNode, OwnProfiler, type ProfileKind } from "./profiler.ts";
import { RssGrowth } from "./rss-growth.ts";

/** The commands of a process that preloads this module (`node --import`). */
// A type, since an interface has no implicit index signature.
export type UsageCommands = {
  /** Milliseconds of CPU time since the start, and megabytes of memory. */
  usage: { request: null; response: { cpuMs: number; rssMb: number } };
  /** Starts to sample the growth of memory. */
  watchGrowth: { request: null; response: null };
  /** Stops sampling. @returns the maximum growth in megabytes */
  growth: { request: null; response: number };
  startProfile: { request: ProfileKind; response: null };
  stopProfile: { request: ProfileKind; response: CallNode };
};

let growth: RssGrowth | undefined;
let profiler: OwnProfiler | undefined;

handleCommands<UsageCommands>({
  usage: async () => ({ cpuMs: cpuMilliseconds(), rssMb: process.memoryUsage.rss() / 1e6 }),
  watchGrowth: async () => {
    growth?.stop();
    growth = new RssGrowth();
    return null;
  },
  growth: async () => growth?.stop() ?? 0,
  startProfile: (kind) => {
    profiler ??= new OwnProfiler();
    return profiler.start(kind);
  },
  stopProfile: (kind) => {
    if (profiler === undefined) throw new Error("No profile was started.");
    return profiler.stop(kind);
  },
});

function cpuMilliseconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
