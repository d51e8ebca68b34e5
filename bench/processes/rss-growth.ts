/** Samples by how much this process's memory grows, from its creation until `stop`. */
export class RssGrowth {
  readonly #start: number;
  #most: number;
  readonly #timer: NodeJS.Timeout;

  constructor() {
    // Without a collection (`--expose-gc`) garbage of earlier work would hide some of the growth.
    globalThis.gc?.();
    this.#start = process.memoryUsage.rss();
    this.#most = this.#start;
    this.#timer = setInterval(() => this.#look(), 20);
  }

  /** @returns the maximum growth in megabytes */
  stop(): number {
    clearInterval(this.#timer);
    this.#look();
    return (this.#most - this.#start) / 1e6;
  }

  #look(): void {
    this.#most = Math.max(this.#most, process.memoryUsage.rss());
  }
}
