import { BLOCKED_AFTER } from "../../../session/limits.ts";

/** What runs on a connection: the watchdog of a server that hangs, or of a network that drops packets. */
export class Activity {
  /** Milliseconds for which nothing may settle while statements run; 0 is no limit. The server's own time-outs come first. */
  responseTimeout = 0;
  /** The number of statements in flight. */
  running = 0;
  /** When the first of the running statements was sent, or the last one settled, by `performance.now()`. */
  lastProgress = performance.now();
  readonly #onUnresponsive: () => void;
  #settledCount = 0;
  #watchdog: NodeJS.Timeout | undefined;
  #whenIdle: (() => void)[] = [];

  /** @param onUnresponsive called when {@link responseTimeout} has passed */
  constructor(onUnresponsive: () => void) {
    this.#onUnresponsive = onUnresponsive;
  }

  /** Whether statements are in flight and none has settled for a while: one waits for a lock, or takes long. */
  get isBlocked(): boolean {
    return this.running > 0 && performance.now() - this.lastProgress > BLOCKED_AFTER;
  }

  started(): void {
    if (this.running++ > 0) return;
    this.lastProgress = performance.now();
    if (this.responseTimeout === 0) return;
    this.#watchdog = setTimeout(() => {
      const settledBefore = this.#settledCount;
      // Data that arrived while this process was busy is read before the immediate.
      setImmediate(() => {
        if (this.#settledCount === settledBefore) this.#onUnresponsive();
      });
    }, this.responseTimeout);
  }

  settled(): void {
    this.#settledCount++;
    this.running--;
    this.lastProgress = performance.now();
    if (this.running > 0) {
      this.#watchdog?.refresh();
      return;
    }
    clearTimeout(this.#watchdog);
    this.#watchdog = undefined;
    const waiting = this.#whenIdle;
    this.#whenIdle = [];
    for (const resolve of waiting) resolve();
  }

  /** Resolves when no statement is in flight. */
  idle(): Promise<void> {
    return this.running === 0 ? Promise.resolve() : new Promise((resolve) => this.#whenIdle.push(resolve));
  }
}
