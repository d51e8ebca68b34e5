import { setTimeout as delay } from "node:timers/promises";

/** Asks again and again, and returns the first answer that is enough; after `limit` milliseconds the last one, whatever it is. */
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
