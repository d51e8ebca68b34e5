import type { Memory } from "./served-process.ts";

/** What a leak of this many bytes a request would add is too much. */
const LEAK = 256;
/** What is held no matter how many requests there were: compiled code, caches of statements, pools of buffers. */
const SLACK = 4 * 2 ** 20;

/** What is wrong with how memory grew over `requests`; `undefined` if nothing. */
export function memoryProblem(before: Memory, after: Memory, requests: number): string | undefined {
  const grown = after.heapUsed + after.external - before.heapUsed - before.external;
  const bound = SLACK + LEAK * requests;
  if (grown <= bound) return undefined;
  return `The server's memory grew by ${megabytes(grown)} over ${requests} requests: more than ${megabytes(bound)}.`;
}

export function describeMemory(samples: readonly Memory[]): string {
  const row = (name: keyof Memory) => samples.map((memory) => megabytes(memory[name])).join(" → ");
  return `Memory after collection: heap ${row("heapUsed")}, buffers ${row("external")}, process ${row("rss")}.`;
}

function megabytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}
