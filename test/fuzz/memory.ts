import type { Memory } from "./served-process.ts";

/**
 * Bytes a request that are too much. What a leak keeps is a request, its body or its response: all of them are larger, the
 * smallest object with a request's id in it is 150 bytes.
 */
const LEAK = 128;
/** What may still grow, however many requests there were: a statement for each set of fields, and compiled code. */
const SLACK = 2 * 2 ** 20;

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
