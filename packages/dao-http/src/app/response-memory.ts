import { Buffer } from "node:buffer";
import type { HttpRequest, HttpResponse, StreamedResponse } from "../http/http-message.ts";
import { type PartMemory, slicesOf, watchedBody } from "../http/response-body.ts";
import { RESPONSE_MEMORY, RESPONSE_READERS, STALLED_RESPONSE, UNCOUNTED_RESPONSE } from "../wire/limits.ts";
import { connectionStorm } from "./concurrency-limit.ts";

/**
 * The memory of responses until they are sent. A response that would exceed it waits before it reads from the database. Slow
 * readers do not block others for long, since the response without progress for longest is aborted.
 */
export class ResponseMemory {
  readonly #shares = new Set<ResponseShare>();
  /** In order of arrival. */
  readonly #waiting = new Map<
    ResponseShare,
    { readonly bytes: number; readonly since: number; readonly enter: () => void }
  >();
  #admissionTimer: ReturnType<typeof setImmediate> | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param departure aborts when the client disconnects: the response then leaves the queue and stops reading */
  share(departure?: AbortSignal): ResponseShare {
    return new ResponseShare(this, departure);
  }

  /** Returns the response; a long one once there is memory for it, which it occupies until it is sent. */
  held(response: HttpResponse, request: HttpRequest): HttpResponse | Promise<HttpResponse> {
    const { body } = response;
    if (typeof body !== "string" || body.length <= UNCOUNTED_RESPONSE) return response;
    return this.#hold(response, body, request.signal);
  }

  async #hold({ status, headers }: HttpResponse, body: string, departure: AbortSignal | undefined) {
    const share = this.share(departure);
    await share.take(body.length);
    share.handedOn();
    headers["content-length"] = String(Buffer.byteLength(body));
    return share.respond(status, headers, inOne(body));
  }

  /** Waits until `share` may read this many bytes; a response larger than the whole memory is admitted alone. */
  wait(share: ResponseShare, bytes: number): Promise<void> | undefined {
    const since = performance.now();
    this.#shares.add(share);
    if (this.#waiting.size === 0 && this.#hasRoom(bytes) && !connectionStorm.holds(since)) {
      share.read(bytes);
      return undefined;
    }
    return new Promise((resolve) => {
      this.#waiting.set(share, { bytes, since, enter: resolve });
      this.admitSoon();
      this.#timer ??= setTimeout(() => this.#makeRoom(), STALLED_RESPONSE);
    });
  }

  leave(share: ResponseShare): void {
    this.#shares.delete(share);
    this.#waiting.get(share)?.enter();
    this.#waiting.delete(share);
    this.admitSoon();
  }

  #hasRoom(bytes: number): boolean {
    let held = 0;
    let readers = 0;
    for (const share of this.#shares) {
      held += share.bytes;
      if (share.isReading) readers++;
    }
    return readers < RESPONSE_READERS && (held === 0 || held + bytes <= RESPONSE_MEMORY);
  }

  /** Admits one response per turn of the event loop: otherwise all waiting ones could be encoded in the same turn. */
  admitSoon(): void {
    if (this.#waiting.size > 0) this.#admissionTimer ??= setImmediate(() => this.#admit());
  }

  #admit(): void {
    this.#admissionTimer = undefined;
    const [first] = this.#waiting;
    if (first === undefined) return;
    const [share, { bytes, since, enter }] = first;
    if (!this.#hasRoom(bytes)) return;
    if (!connectionStorm.holds(since)) {
      this.#waiting.delete(share);
      share.read(bytes);
      enter();
    }
    this.admitSoon();
  }

  #makeRoom(): void {
    this.#timer = undefined;
    const [first] = this.#waiting.values();
    if (first === undefined) return;
    const stalledSince = performance.now() - STALLED_RESPONSE;
    if (first.since <= stalledSince) {
      const stalled = [...this.#shares].filter(({ unsentSince }) => unsentSince <= stalledSince);
      stalled.sort((one, other) => one.unsentSince - other.unsentSince)[0]?.abort();
    }
    if (this.#waiting.size > 0) this.#timer ??= setTimeout(() => this.#makeRoom(), STALLED_RESPONSE / 20);
  }
}

export class ResponseShare implements PartMemory {
  bytes = 0;
  /** Whether it reads from the database. */
  isReading = false;
  /** When the reader last made progress; `Infinity` while there is nothing to send. */
  unsentSince = Infinity;
  readonly #memory: ResponseMemory;
  #departure: AbortSignal | undefined;
  readonly #leave = () => this.release();
  readonly #broken = new AbortController();
  readonly #ended = new AbortController();

  constructor(memory: ResponseMemory, departure: AbortSignal | undefined) {
    this.#memory = memory;
    this.#departure = departure;
    departure?.addEventListener("abort", this.#leave, { once: true });
  }

  /** Aborts when the host must abort the response, since others need its memory. */
  get signal(): AbortSignal {
    return this.#broken.signal;
  }

  /** Aborts when the response has ended, so that reading for it stops. */
  get ended(): AbortSignal {
    return this.#ended.signal;
  }

  /** @throws the departure's reason, if the client has disconnected; Error if the response was aborted */
  async take(bytes: number): Promise<void> {
    this.#throwIfEnded();
    this.isReading = false;
    this.hold(0);
    await this.#memory.wait(this, bytes);
    this.#throwIfEnded();
  }

  #throwIfEnded(): void {
    this.#departure?.throwIfAborted();
    this.#broken.signal.throwIfAborted();
    if (this.#ended.signal.aborted) throw new Error("The reader of this response has gone.");
  }

  hold(bytes: number): void {
    this.bytes = this.#ended.signal.aborted ? 0 : bytes;
    this.unsentSince = Infinity;
    this.#memory.admitSoon();
  }

  /** Starts to read this many bytes, for which there is room. */
  read(bytes: number): void {
    this.hold(bytes);
    this.isReading = true;
  }

  /** Called when everything that it holds was read, and waits for the host. */
  handedOn(): void {
    // From here on the host closes the body when the client disconnects; a half-close in HTTP/1.0 no longer matters.
    this.#departure?.removeEventListener("abort", this.#leave);
    this.#departure = undefined;
    this.isReading = false;
    this.unsentSince = performance.now();
    this.#memory.admitSoon();
  }

  /** The response with this body, in slices, so that its host holds little of it, and a stalled reader is noticed. */
  respond(status: number, headers: Record<string, string>, body: AsyncIterable<string>): StreamedResponse {
    const slices = slicesOf(body, () => this.handedOn());
    return { status, headers, body: watchedBody(slices, () => this.release()), signal: this.signal };
  }

  release(): void {
    this.#departure?.removeEventListener("abort", this.#leave);
    this.bytes = 0;
    this.#memory.leave(this);
    this.#ended.abort(this.#departure?.reason);
  }

  abort(): void {
    this.release();
    this.#broken.abort(new Error("The response was aborted: its reader took nothing, and others needed its memory."));
  }
}

async function* inOne(body: string): AsyncGenerator<string, void, undefined> {
  yield body;
}
