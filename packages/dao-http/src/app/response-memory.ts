import { RESPONSE_MEMORY, RESPONSE_READERS, STALLED_RESPONSE } from "../wire/limits.ts";
import { connectionStorm } from "./connection-storm.ts";

interface Waiter {
  readonly share: ResponseShare;
  readonly bytes: number;
  readonly since: number;
  readonly enter: () => void;
}

/**
 * The memory of responses until they are sent. Together they have a limit; a response that would exceed it waits before it reads
 * from the database. Slow readers block no one for long: the response without progress for longest is then aborted.
 */
export class ResponseMemory {
  readonly #shares = new Set<ResponseShare>();
  readonly #waiting: Waiter[] = [];
  #bytes = 0;
  #readers = 0;
  #admissionTimer: ReturnType<typeof setImmediate> | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /**
   * A response's share, which is empty at first.
   * @param departure aborts when the client is gone: the response then leaves the line, and reads nothing more
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

  /** A response larger than all of the memory is admitted alone. */
  #hasRoom(bytes: number): boolean {
    if (this.#readers >= RESPONSE_READERS) return false;
    return this.#bytes === 0 || this.#bytes + bytes <= RESPONSE_MEMORY;
  }

  #wait(share: ResponseShare, bytes: number): Promise<void> | undefined {
    const since = performance.now();
    if (this.#waiting.length === 0 && this.#hasRoom(bytes) && !connectionStorm.holds(since)) return undefined;
    return new Promise((resolve) => {
      this.#waiting.push({ share, bytes, since, enter: resolve });
      this.#admitSoon();
      this.#timer ??= setTimeout(() => this.#makeRoom(), STALLED_RESPONSE);
    });
  }

  /** Admits one in each turn of the event loop: otherwise all those waiting could be encoded in the same turn. */
  #admitSoon(): void {
    if (this.#waiting.length > 0) this.#admissionTimer ??= setImmediate(() => this.#admit());
  }

  #admit(): void {
    this.#admissionTimer = undefined;
    const [first] = this.#waiting;
    if (first === undefined || !this.#hasRoom(first.bytes)) return;
    if (!connectionStorm.holds(first.since)) {
      this.#waiting.shift();
      first.share.read(first.bytes);
      first.enter();
    }
    this.#admitSoon();
  }

  #makeRoom(): void {
    this.#timer = undefined;
    const [first] = this.#waiting;
    if (first === undefined) return;
    const stalledSince = performance.now() - STALLED_RESPONSE;
    if (first.since <= stalledSince) {
      let oldest: ResponseShare | undefined;
      for (const share of this.#shares) {
        if (share.unsentSince <= stalledSince && share.unsentSince < (oldest?.unsentSince ?? Infinity)) oldest = share;
      }
      oldest?.abort();
    }
    if (this.#waiting.length > 0) this.#timer ??= setTimeout(() => this.#makeRoom(), STALLED_RESPONSE / 20);
  }
}

interface SharedMemory {
  wait(share: ResponseShare, bytes: number): Promise<void> | undefined;
  changed(share: ResponseShare, difference: number): void;
  reads(isReading: boolean): void;
  left(share: ResponseShare): void;
}

/** The memory of one response. */
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

  /** Since when the reader has taken nothing; `Infinity` while there is nothing to take. */
  get unsentSince(): number {
    return this.#unsentSince;
  }

  /** Aborts when the host must abort the response, since others need its memory. */
  get signal(): AbortSignal {
    return this.#broken.signal;
  }

  /** Aborts when the response has ended; reading for it is then useless. */
  get ended(): AbortSignal {
    return this.#ended.signal;
  }

  /**
   * Waits for room for this many bytes, which replace those held so far.
   * @throws the departure's reason, if the client is gone or leaves meanwhile; Error if the response was aborted
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

  /** Sets the number of bytes held, without waiting. */
  hold(bytes: number): void {
    const difference = this.#isReleased ? -this.#bytes : bytes - this.#bytes;
    this.#bytes += difference;
    this.#unsentSince = Infinity;
    if (difference !== 0) this.#memory.changed(this, difference);
  }

  /** Starts to read this many bytes, for which there is room. */
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

  /** Called when everything it holds was read, and waits for the host. */
  handedOn(): void {
    // From here on the host closes the body when the client leaves; a half-close in HTTP/1.0 no longer matters.
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

  abort(): void {
    this.release();
    this.#broken.abort(new Error("The response was aborted: its reader took nothing, and others needed its memory."));
  }
}
