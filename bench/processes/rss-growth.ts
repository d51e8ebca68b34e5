/** Watches how much memory this process takes up beyond what it had, from its making until `stop`. */
export class RssGrowth {
  readonly #start: number;
  #most: number;
  readonly #timer: NodeJS.Timeout;

  constructor() {
    // Without it (`--expose-gc`) leftovers of what ran before would hide some of the growth.
    globalThis.gc?.();
    this.#start = process.memoryUsage.rss();
    this.#most = this.#start;
    this.#timer = setInterval(() => this.#look(), 20);
  }

  /** @returns megabytes, at the moment when it was most */
  stop(): number {
    clearInterval(this.#timer);
    this.#look();
    return (this.#most - this.#start) / 1e6;
  }

  #look(): void {
    this.#most = Math.max(this.#most, process.memoryUsage.rss());
  }
}
