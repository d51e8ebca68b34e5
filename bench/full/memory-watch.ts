/** Megabytes of memory (RSS) while a process handles many rows. */
export interface MemoryUse {
  /** Before the first row. */
  readonly beforeMb: number;
  /** Maximum within the first tenth of the rows, while the JavaScript engine sizes its heap. */
  readonly warmMb: number;
  /** Maximum until the end. */
  readonly peakMb: number;
}

const ROWS_A_LOOK = 2000;

/** Samples this process's memory every two thousand rows. */
export class MemoryWatch {
  readonly #rows: number;
  readonly #beforeMb = rssMb();
  #warmMb = this.#beforeMb;
  #peakMb = this.#beforeMb;
  #count = 0;

  /** @param rows the expected number of rows */
  constructor(rows: number) {
    this.#rows = rows;
  }

  /** Counts a row. */
  count(): void {
    if (++this.#count % ROWS_A_LOOK > 0) return;
    this.#peakMb = Math.max(this.#peakMb, rssMb());
    if (this.#count <= this.#rows / 10) this.#warmMb = this.#peakMb;
  }

  use(): MemoryUse {
    return { beforeMb: this.#beforeMb, warmMb: this.#warmMb, peakMb: Math.max(this.#peakMb, rssMb()) };
  }
}

function rssMb(): number {
  return process.memoryUsage.rss() / 1e6;
}
