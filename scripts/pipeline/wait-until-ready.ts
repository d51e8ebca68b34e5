import { setTimeout as delay } from "node:timers/promises";

/** Milliseconds that a start may take on a busy machine. */
const LONGEST_START = 60_000;

/**
 * Waits until `/ready` returns 200.
 * @throws Error if it does not in time, or if `hasEnded` returns true
 */
export async function waitUntilReady(url: string, hasEnded: () => boolean = () => false): Promise<void> {
  const end = performance.now() + LONGEST_START;
  for (;;) {
    const status = await fetch(`${url}/ready`).then(
      (response) => response.status,
      () => undefined,
    );
    if (status === 200) return;
    if (hasEnded()) throw new Error("The service ended before it was ready.");
    if (performance.now() > end) throw new Error(`${url}/ready returned ${status ?? "no response"} for 60 s.`);
    await delay(100);
  }
}
