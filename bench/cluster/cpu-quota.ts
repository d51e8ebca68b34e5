import { accessSync, constants, mkdirSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

/** The hierarchy of cgroups version 1 that limits CPU time. */
const ROOT = "/sys/fs/cgroup/cpu";
/** Microseconds; short, so that a throttled server does not pause for long. */
const PERIOD = 20_000;

/** The reason why CPU quotas are not available here; `undefined` if they are. */
export function whyNoQuota(): string | undefined {
  try {
    accessSync(join(ROOT, "cpu.cfs_quota_us"));
    accessSync(ROOT, constants.W_OK);
    return undefined;
  } catch {
    return `${ROOT} (control groups, version 1) is absent or may not be written to`;
  }
}

/** A CPU quota for one process, like a container's. Removed on disposal. */
export class CpuQuota implements AsyncDisposable {
  readonly #folder: string;

  /** @param share of one core */
  constructor(pid: number, share: number) {
    this.#folder = join(ROOT, `flux-dao-bench-${pid}`);
    mkdirSync(this.#folder);
    this.#write("cpu.cfs_period_us", PERIOD);
    this.#write("cpu.cfs_quota_us", Math.round(PERIOD * share));
    this.#write("cgroup.procs", pid);
  }

  /** The process must have ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    // A process counts as a member until it is reaped.
    for (let attempt = 1; ; attempt++) {
      try {
        rmdirSync(this.#folder);
        return;
      } catch (error) {
        if (attempt === 100) throw error;
        await delay(50);
      }
    }
  }

  #write(file: string, value: number): void {
    writeFileSync(join(this.#folder, file), String(value));
  }
}
