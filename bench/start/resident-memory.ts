import { readFileSync } from "node:fs";

/** Megabytes of memory that are a process's own or shared. */
export interface ResidentMemory {
  readonly now: number;
  /** The most that it had since its start. */
  readonly most: number;
}

/** What Linux says of a process. */
export function residentMemoryOf(pid: number): ResidentMemory {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const megabytes = (field: string) => {
    const kibibytes = new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(status)?.[1];
    if (kibibytes === undefined) throw new Error(`This system does not say the ${field} of a process.`);
    return (Number(kibibytes) * 1_024) / 1e6;
  };
  return { now: megabytes("VmRSS"), most: megabytes("VmHWM") };
}
