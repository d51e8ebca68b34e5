/** Polls the `/health` of a service, in a process of its own that has nothing else to do. */
import { readFileSync } from "node:fs";
import { request } from "node:http";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as delay } from "node:timers/promises";
import { handleCommands } from "../../bench/processes/commands.ts";

/** The result; all times in milliseconds. */
export interface HealthReport {
  /** Responses other than 200, and connections without one. */
  readonly failures: number;
  readonly p99: number;
  readonly slowest: number;
  /**
   * A lower bound of the service's own share of the slowest response: its time without the times for which either process waited
   * for a CPU, or the CPU time that the service used meanwhile, without this process's wait. On an idle machine it is the slowest.
   */
  readonly ownSlowest: number;
  /** The longest delay of this idle process's event loop: the machine's share. */
  readonly late: number;
}

export type HealthCommands = {
  begin: { request: { port: number; pid: number }; response: null };
  end: { request: null; response: HealthReport };
};

/** Between two requests. */
const PAUSE = 20;

/** Milliseconds of a process's main thread: running, and runnable but waiting for a CPU; from Linux, 0 elsewhere. */
function times(pid: number | "self"): { readonly worked: number; readonly waited: number } {
  try {
    const [worked = 0, waited = 0] = readFileSync(`/proc/${pid}/schedstat`, "latin1").split(" ").map(Number);
    return { worked: worked / 1e6, waited: waited / 1e6 };
  } catch {
    return { worked: 0, waited: 0 };
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
  const latencies: number[] = [];
  let [failures, ownSlowest] = [0, 0];
  let isOver = false;
  const watching = (async () => {
    while (!isOver) {
      const [start, service, own] = [performance.now(), times(pid), times("self")];
      if (!(await ask(port))) failures++;
      const time = performance.now() - start;
      const waited = times("self").waited - own.waited;
      const now = times(pid);
      latencies.push(time);
      ownSlowest = Math.max(
        ownSlowest,
        time - waited - (now.waited - service.waited),
        now.worked - service.worked - waited,
      );
      await delay(PAUSE);
    }
  })();
  const stop = async () => {
    isOver = true;
    await watching;
    latencies.sort((a, b) => a - b);
    const [p99 = Infinity, slowest = Infinity] = [latencies[Math.floor(latencies.length * 0.99)], latencies.at(-1)];
    return { failures, p99, slowest, ownSlowest, late: lateness.max / 1e6 };
  };
  return { stop };
}

handleCommands<HealthCommands>({
  begin: async ({ port, pid }) => {
    watch = begin(port, pid);
    return null;
  },
  end: async () => {
    if (watch === undefined) throw new Error("Nothing is watched.");
    return watch.stop();
  },
});
