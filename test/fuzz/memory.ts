import type { Memory } from "./served-process.ts";

/**
 * Bytes a request that count as a leak. A leak keeps a request, its body or its response, all of which are larger: the smallest
 * object that contains a request id has 150 bytes.
 */
const LEAK = 128;
/**
 * What may grow regardless of the number of requests: compiled code, and a statement for each set of fields and filters, of which
 * the service keeps a bounded number (some 6 KiB for each; over 3,600 requests they were 2.3 MiB; of two runs of 24,000 one levelled
 * off, the other still grew by 2.8 MiB in its second half).
 */
const SLACK = 3 * 2 ** 20;

/** A message if memory grew too much over `requests`; otherwise `undefined`. */
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
