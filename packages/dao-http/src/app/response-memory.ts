/** Bytes of responses in memory that have not been sent, of all of them together. */
const MEMORY = 64 * 1_048_576;

/** Pieces that are read and encoded at a time: fewer than the pool has connections, and no turn of the event loop gets long. */
const READERS = 8;

/** Milliseconds that a response waits for memory before one whose reader has taken nothing for as long is broken off. */
const PATIENCE = 2_000;

interface Waiter {
  readonly share: ResponseShare;
  readonly bytes: number;
  readonly since: number;
  readonly enter: () => void;
}

/**
 * What responses hold in memory until they are sent. There is a limit to all of it together, and what would go beyond waits, before
 * it is read from the database. So that slow readers keep no one waiting for long, the response that has made no progress for
 * longest is broken off then.
 */
export class ResponseMemory {
  readonly #shares = new Set<ResponseShare>();
  readonly #waiting: Waiter[] = [];
  #bytes = 0;
  #readers = 0;
  #admission: ReturnType<typeof setImmediate> | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /**
   * A response's part of it, which holds nothing yet.
   * @param departure aborts when the client has gone: the response then leaves the line, and nothing more is read for it
   */
  share(departure?: AbortSignal): ResponseShare {
    const memory: SharedMemory = {
      wait: (share, bytes) => this.#wait(share, bytes),
      changed: (share, difference) => {
        this.#bytes += difference;
        if (share.bytes > 0) this.#shares.add(share);
        else this.#shares.delete(share);
        if (difference < 0) this.#admitSoon();
      },
      reads: (isReading) => {
        this.#readers += isReading ? 1 : -1;
        if (!isReading) this.#admitSoon();
      },
      left: (share) => {
        const index = this.#waiting.findIndex((waiter) => waiter.share === share);
        if (index >= 0) this.#waiting.splice(index, 1)[0]?.enter();
      },
    };
    return new ResponseShare(memory, departure);
  }

  /** What is larger than all of the memory is let in alone. */
  #hasRoom(bytes: number): boolean {
    if (this.#readers >= READERS) return false;
    return this.#bytes === 0 || this.#bytes + bytes <= MEMORY;
  }

  #wait(share: ResponseShare, bytes: number): Promise<void> | undefined {
    if (this.#waiting.length === 0 && this.#hasRoom(bytes)) return undefined;
    return new Promise((resolve) => {
      this.#waiting.push({ share, bytes, since: performance.now(), enter: resolve });
      this.#timer ??= setTimeout(() => this.#makeRoom(), PATIENCE);
    });
  }

  /** One in each turn of the event loop: what is read already could be encoded for all who wait in this one. */
  #admitSoon(): void {
    if (this.#waiting.length > 0) this.#admission ??= setImmediate(() => this.#admit());
  }

  #admit(): void {
    this.#admission = undefined;
    const [first] = this.#waiting;
    if (first === undefined || !this.#hasRoom(first.bytes)) return;
    this.#waiting.shift();
    first.share.read(first.bytes);
    first.enter();
    this.#admitSoon();
  }

  #makeRoom(): void {
    this.#timer = undefined;
    const [first] = this.#waiting;
    if (first === undefined) return;
    const stalledSince = performance.now() - PATIENCE;
    if (first.since <= stalledSince) {
      let oldest: ResponseShare | undefined;
      for (const share of this.#shares) {
        if (share.unsentSince <= stalledSince && share.unsentSince < (oldest?.unsentSince ?? Infinity)) oldest = share;
      }
      oldest?.breakOff();
    }
    if (this.#waiting.length > 0) this.#timer ??= setTimeout(() => this.#makeRoom(), PATIENCE / 20);
  }
}

interface SharedMemory {
  wait(share: ResponseShare, bytes: number): Promise<void> | undefined;
  changed(share: ResponseShare, difference: number): void;
  reads(isReading: boolean): void;
  left(share: ResponseShare): void;
}

/** What one response holds. */
export class ResponseShare {
  readonly #memory: SharedMemory;
  #departure: AbortSignal | undefined;
  readonly #leave = () => this.release();
  readonly #broken = new AbortController();
  readonly #ended = new AbortController();
  #bytes = 0;
  #isReleased = false;
  #isReading = false;
  #unsentSince = Infinity;

  constructor(memory: SharedMemory, departure: AbortSignal | undefined) {
    this.#memory = memory;
    this.#departure = departure;
    departure?.addEventListener("abort", this.#leave, { once: true });
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Since when the reader has taken nothing of what it was given; `Infinity` while nothing waits for it. */
  get unsentSince(): number {
    return this.#unsentSince;
  }

  /** Aborts when the response is to be broken off, since others need its memory. */
  get signal(): AbortSignal {
    return this.#broken.signal;
  }

  /** Aborts when it holds nothing any more, and what is read for it is of no use. */
  get ended(): AbortSignal {
    return this.#ended.signal;
  }

  /**
   * Waits until there is room for as many bytes, which this response holds then in the place of what it held.
   * @throws the departure's reason, when the client has gone or goes meanwhile; Error when the response was broken off
   */
  async take(bytes: number): Promise<void> {
    this.#departure?.throwIfAborted();
    this.#endReading();
    this.hold(0);
    const wait = this.#memory.wait(this, bytes);
    if (wait === undefined) this.read(bytes);
    else await wait;
    if (this.#isReleased) this.#endReading();
    this.#departure?.throwIfAborted();
    this.#broken.signal.throwIfAborted();
    if (this.#isReleased) throw new Error("The reader of this response has gone.");
  }

  /** Says how many bytes it holds now, without waiting. */
  hold(bytes: number): void {
    const difference = this.#isReleased ? -this.#bytes : bytes - this.#bytes;
    this.#bytes += difference;
    this.#unsentSince = Infinity;
    if (difference !== 0) this.#memory.changed(this, difference);
  }

  /** Says that it reads as many bytes now, for which there is room. */
  read(bytes: number): void {
    this.hold(bytes);
    this.#isReading = true;
    this.#memory.reads(true);
  }

  #endReading(): void {
    if (!this.#isReading) return;
    this.#isReading = false;
    this.#memory.reads(false);
  }

  /** Says that all that it holds has been read, and waits for the one who asked. */
  handedOn(): void {
    // From here on the host leaves the body when the client does; a half-close in HTTP/1.0 means nothing any more.
    this.#departure?.removeEventListener("abort", this.#leave);
    this.#departure = undefined;
    this.#endReading();
    this.#unsentSince = performance.now();
  }

  release(): void {
    this.#isReleased = true;
    this.#departure?.removeEventListener("abort", this.#leave);
    this.#memory.left(this);
    this.#endReading();
    this.hold(0);
    this.#ended.abort(this.#departure?.reason);
  }

  breakOff(): void {
    this.release();
    this.#broken.abort(
      new Error("The response was broken off: its reader took nothing, and others needed its memory."),
    );
  }
}
