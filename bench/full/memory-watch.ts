/** Megabytes in memory (RSS) while a process works through many rows. */
export interface MemoryUse {
  /** Before the first row. */
  readonly beforeMb: number;
  /** At most within the first tenth of the rows, in which the JavaScript engine makes its heap as large as it likes it. */
  readonly warmMb: number;
  /** At most until the end. */
  readonly peakMb: number;
}

const ROWS_A_LOOK = 2000;

/** Looks at this process's memory every two thousand rows. */
export class MemoryWatch {
  readonly #rows: number;
  readonly #beforeMb = rssMb();
  #warmMb = this.#beforeMb;
  #peakMb = this.#beforeMb;
  #count = 0;

  /** @param rows how many there will be */
  constructor(rows: number) {
    this.#rows = rows;
  }

  /** One more row. */
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
