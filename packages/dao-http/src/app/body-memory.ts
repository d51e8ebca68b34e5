import type { HttpRequest } from "../http/http-message.ts";
import { bodyTooLarge, HttpError } from "../http/problem.ts";
import { bodyInTime, CollectedBytes } from "../http/request-body.ts";
import { BODY_MEMORY } from "../wire/limits.ts";

/** A complete body, and a function to call when its request no longer waits. */
interface HeldBody {
  readonly body: Uint8Array;
  readonly release: () => void;
}

/**
 * Reads bodies before their requests count as in progress, so that slow senders occupy no slot. If they use too much memory
 * together, the body that has been arriving for longest is rejected, which is never one sent at normal speed.
 */
export class BodyMemory {
  readonly #bodyLimit: number;
  readonly #timeout: number;
  readonly #limit: number;
  readonly #slowest: HttpError;
  #bytes = 0;
  /** Bodies that are still arriving, oldest first. */
  readonly #arriving = new Set<{ bytes: number; readonly stop: AbortController }>();

  constructor(bodyLimit: number, timeout: number) {
    this.#bodyLimit = bodyLimit;
    this.#timeout = timeout;
    this.#limit = Math.max(BODY_MEMORY, 4 * bodyLimit);
    this.#slowest = new HttpError(
      "unavailable",
      "The service is receiving too many bodies, and this one took longest. Send it again, without pauses.",
    );
  }

  /** @throws HttpError `payload_too_large`, `unavailable`, `request_timeout`; InvalidRequestError for an interrupted body */
  read(request: HttpRequest): HeldBody | Promise<HeldBody> {
    const body = request.arrivedBody?.();
    if ((body?.length ?? Number(request.header("content-length"))) > this.#bodyLimit)
      throw bodyTooLarge(this.#bodyLimit);
    return body === undefined ? this.#receive(request) : { body, release: () => undefined };
  }

  async #receive(request: HttpRequest): Promise<HeldBody> {
    const body = new CollectedBytes();
    const arriving = { bytes: 0, stop: new AbortController() };
    this.#arriving.add(arriving);
    const release = () => {
      this.#arriving.delete(arriving);
      this.#bytes -= arriving.bytes;
      arriving.bytes = 0;
    };
    try {
      for await (const chunk of bodyInTime(request, this.#timeout, arriving.stop)) {
        if (body.length + chunk.length > this.#bodyLimit) throw bodyTooLarge(this.#bodyLimit);
        body.append(chunk);
        arriving.bytes += chunk.length;
        this.#bytes += chunk.length;
        if (this.#bytes > this.#limit) this.#rejectOldest();
      }
      this.#arriving.delete(arriving);
      return { body: body.take(), release };
    } catch (error) {
      release();
      throw error;
    }
  }

  #rejectOldest(): void {
    for (const oldest of this.#arriving) {
      if (this.#bytes <= this.#limit) return;
      this.#arriving.delete(oldest);
      this.#bytes -= oldest.bytes;
      oldest.bytes = 0;
      oldest.stop.abort(this.#slowest);
    }
  }
}
