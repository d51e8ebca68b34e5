import { readFileSync } from "node:fs";

/** Linux reports hundredths of a second, whatever the kernel's own clock. */
const TICK_MS = 10;

/** Milliseconds of CPU time that a process has used. */
export function cpuTimeOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The name, in parentheses, may contain spaces. It is followed by the state; fields 12 and 13 after it are user and system
  // time.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

/** The child processes of this process. */
export function childrenOf(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
  return children === "" ? [] : children.split(" ").map(Number);
}
