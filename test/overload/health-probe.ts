/** Asks a service for its `/health` all the time, in a process of its own that has nothing else to do. */
import { readFileSync } from "node:fs";
import { request } from "node:http";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as delay } from "node:timers/promises";
import { answerCommands } from "../../bench/processes/commands.ts";

/** What came of it; all times in milliseconds. */
export interface HealthReport {
  /** Responses other than 200, and connections without one. */
  readonly failures: number;
  readonly p99: number;
  readonly slowest: number;
  /** The slowest, when what the service and this process waited for a processor meanwhile is taken off: the service's own share. */
  readonly ownSlowest: number;
  /** The longest time that this idle process's event loop was late: the machine's share. */
  readonly late: number;
}

export type HealthCommands = {
  begin: { request: { port: number; pid: number }; response: null };
  end: { request: null; response: HealthReport };
};

/** Between two questions. */
const PAUSE = 20;

/** Milliseconds that a process's main thread was ready to run and had no processor, as Linux counts it; 0 elsewhere. */
function waited(pid: number | "self"): number {
  try {
    return Number(readFileSync(`/proc/${pid}/schedstat`, "latin1").split(" ")[1]) / 1e6;
  } catch {
    return 0;
  }
}

function ask(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    request({ port, host: "127.0.0.1", path: "/health", agent: false }, (response) => {
      response.resume().on("end", () => resolve(response.statusCode === 200));
    })
      .on("error", () => resolve(false))
      .end();
  });
}

let watch: { readonly stop: () => Promise<HealthReport> } | undefined;

function begin(port: number, pid: number): { readonly stop: () => Promise<HealthReport> } {
  const lateness = monitorEventLoopDelay({ resolution: 5 });
  lateness.enable();
  const times: number[] = [];
  let [failures, ownSlowest] = [0, 0];
  let isOver = false;
  const watching = (async () => {
    while (!isOver) {
      const [start, before] = [performance.now(), waited(pid) + waited("self")];
      if (!(await ask(port))) failures++;
      const time = performance.now() - start;
      times.push(time);
      ownSlowest = Math.max(ownSlowest, time - (waited(pid) + waited("self") - before));
      await delay(PAUSE);
    }
  })();
  const stop = async () => {
    isOver = true;
    await watching;
    times.sort((a, b) => a - b);
    const [p99 = Infinity, slowest = Infinity] = [times[Math.floor(times.length * 0.99)], times.at(-1)];
    return { failures, p99, slowest, ownSlowest, late: lateness.max / 1e6 };
  };
  return { stop };
}

answerCommands<HealthCommands>({
  begin: async ({ port, pid }) => {
    watch = begin(port, pid);
    return null;
  },
  end: async () => {
    if (watch === undefined) throw new Error("Nothing is watched.");
    return watch.stop();
  },
});
