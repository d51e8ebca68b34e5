import type { WriteStream } from "node:tty";

/** Where a progress bar is drawn: the parts of `process.stderr` that it needs. */
export type ProgressStream = Pick<NodeJS.WriteStream, "write"> & Partial<Pick<WriteStream, "isTTY" | "columns">>;

/** Milliseconds between updates: of the bar, and of lines without a terminal. */
const REDRAW = 100;
const LINE_EVERY = 10_000;

const BAR = 24;

/** The progress of a long task: on a terminal a bar that is redrawn, elsewhere an occasional line. */
export class ProgressBar {
  readonly #stream: ProgressStream;
  readonly #total: number;
  readonly #unit: string;
  readonly #clock: () => number;
  readonly #start: number;
  #last: number;
  #isDrawn = false;

  /** @param clock milliseconds of a monotonic clock */
  constructor(stream: ProgressStream, total: number, unit: string, clock: () => number = () => performance.now()) {
    this.#stream = stream;
    this.#total = total;
    this.#unit = unit;
    this.#clock = clock;
    this.#start = clock();
    this.#last = this.#start;
  }

  update(done: number): void {
    const now = this.#clock();
    if (now - this.#last < (this.#stream.isTTY === true ? REDRAW : LINE_EVERY)) return;
    this.#last = now;
    const text = this.#text(Math.min(done, this.#total), now - this.#start);
    if (this.#stream.isTTY !== true) {
      this.#stream.write(`${text}\n`);
      return;
    }
    this.#isDrawn = true;
    // Overwrites the previous line and erases its rest; never wraps, since a second line could not be overwritten.
    this.#stream.write(`\r${text.slice(0, (this.#stream.columns || 80) - 1)}\u001b[K`);
  }

  /** Removes the bar before other output. */
  clear(): void {
    if (this.#isDrawn) this.#stream.write("\r\u001b[K");
    this.#isDrawn = false;
  }

  #text(done: number, elapsed: number): string {
    const share = this.#total === 0 ? 1 : done / this.#total;
    const filled = Math.floor(share * BAR);
    const bar = this.#stream.isTTY === true ? `[${"#".repeat(filled)}${"-".repeat(BAR - filled)}] ` : "";
    const left = done === 0 ? "" : `, ${duration((elapsed / done) * (this.#total - done))} left`;
    return `${bar}${Math.floor(share * 100)} %  ${grouped(done)} of ${grouped(this.#total)} ${this.#unit}${left}`;
  }
}

/** `1,234,567` */
export function grouped(count: number): string {
  return count.toLocaleString("en");
}

/** `42 s`, `3 min 20 s`, `2 h 5 min` */
function duration(milliseconds: number): string {
  const seconds = Math.ceil(milliseconds / 1_000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 60 ? `${minutes} min ${seconds % 60} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
