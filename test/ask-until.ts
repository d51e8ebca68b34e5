import { setTimeout as delay } from "node:timers/promises";

/** Polls `ask` until `isEnough` accepts a result, and returns it; once `limit` milliseconds are over, returns the latest result. */
export async function askUntil<Answer>(
  ask: () => PromiseLike<Answer>,
  isEnough: (answer: Answer) => boolean,
  { limit = Number.POSITIVE_INFINITY, pause = 20 } = {},
): Promise<Answer> {
  for (const end = performance.now() + limit; ; await delay(pause)) {
    const answer = await ask();
    if (isEnough(answer) || performance.now() > end) return answer;
  }
}
