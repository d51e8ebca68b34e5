import { setTimeout as delay } from "node:timers/promises";

/** Milliseconds that a start may take, on a machine that does other work too. */
const LONGEST_START = 60_000;

/**
 * Waits until `/ready` answers 200.
 * @throws Error when it does not, or when `hasEnded`
 */
export async function waitUntilReady(url: string, hasEnded: () => boolean = () => false): Promise<void> {
  const end = performance.now() + LONGEST_START;
  for (;;) {
    const status = await fetch(`${url}/ready`).then(
      (answer) => answer.status,
      () => undefined,
    );
    if (status === 200) return;
    if (hasEnded()) throw new Error("The service ended before it was ready.");
    if (performance.now() > end) throw new Error(`${url}/ready answers ${status ?? "nothing"} after 60 s.`);
    await delay(100);
  }
}
