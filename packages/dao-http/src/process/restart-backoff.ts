/** Milliseconds that a process runs at the least if its end is no sign that the next one will end at once too. */
const LONG_ENOUGH = 10_000;
const FIRST_PAUSE = 1_000;
const LONGEST_PAUSE = 30_000;

/** How long to wait before a process that ended is replaced: the longer, the more of them ended soon after their start. */
export class RestartPause {
  #shortLives = 0;

  /**
   * @param lifetime milliseconds that the ended one ran
   * @returns milliseconds: 0 for the first of several short lives, then from 1,000 on twice as many each time, 30,000 at
   *   most
   */
  next(lifetime: number): number {
    this.#shortLives = lifetime < LONG_ENOUGH ? this.#shortLives + 1 : 0;
    if (this.#shortLives < 2) return 0;
    return Math.min(FIRST_PAUSE * 2 ** (this.#shortLives - 2), LONGEST_PAUSE);
  }
}
