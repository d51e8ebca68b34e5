import { readFileSync } from "node:fs";

/** Megabytes of resident memory, private and shared. */
export interface ResidentMemory {
  readonly now: number;
  /** The maximum since its start. */
  readonly most: number;
}

/** The resident memory of a process, from Linux's `/proc`. */
export function residentMemoryOf(pid: number): ResidentMemory {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const megabytes = (field: string) => {
    const kibibytes = new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(status)?.[1];
    if (kibibytes === undefined) throw new Error(`This system does not report the ${field} of a process.`);
    return (Number(kibibytes) * 1_024) / 1e6;
  };
  return { now: megabytes("VmRSS"), most: megabytes("VmHWM") };
}
