import { accessSync, constants, mkdirSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

/** Where version 1 of control groups limits processor time. */
const ROOT = "/sys/fs/cgroup/cpu";
/** Microseconds; short, so that a throttled server does not stand still for long. */
const PERIOD = 20_000;

/** Why processes cannot be given a share of a core here, if they cannot. */
export function whyNoQuota(): string | undefined {
  try {
    accessSync(join(ROOT, "cpu.cfs_quota_us"));
    accessSync(ROOT, constants.W_OK);
    return undefined;
  } catch {
    return `${ROOT} (control groups, version 1) is absent or may not be written to`;
  }
}

/** A limit on the processor time of one process, as a container has it. It goes when it is disposed of. */
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
    // Until it was reaped it counts as a member.
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
