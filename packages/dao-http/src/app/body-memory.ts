import { BodyPace } from "../http/body-pace.ts";
import { bodyTooLarge, HttpError } from "../http/http-error.ts";
import type { HttpRequest } from "../http/http-message.ts";
import { BODY_MEMORY, RETRY_AFTER } from "../wire/limits.ts";

/** A body of a request that is not in progress yet. */
interface WaitingBody {
  bytes: number;
  /** Stops reading it. */
  reject: (error: unknown) => void;
}

/** A complete body, and what to call when its request no longer waits. */
interface HeldBody {
  readonly body: Uint8Array;
  readonly release: () => void;
}

/**
 * Reads bodies before their requests count as in progress, so that slow senders occupy no place. A body uses memory until its
 * request is in progress; if all bodies together use too much, the one that has been arriving for longest is rejected, which is
 * never one that is sent at a usual speed.
 */
export class BodyMemory {
  readonly #bodyLimit: number;
  readonly #timeout: number;
  readonly #limit: number;
  readonly #slowest: HttpError;
  #bytes = 0;
  /** Those that are still arriving, the oldest first. */
  readonly #incoming = new Set<WaitingBody>();

  /**
   * @param bodyLimit size limit of one body, in bytes
   * @param timeout milliseconds ({@link BodyPace})
   */
  constructor(bodyLimit: number, timeout: number) {
    this.#bodyLimit = bodyLimit;
    this.#timeout = timeout;
    this.#limit = Math.max(BODY_MEMORY, 4 * bodyLimit);
    const detail =
      "The service is receiving too many bodies, and this one took longest. Send it again, without pauses.";
    this.#slowest = new HttpError("unavailable", detail, { "retry-after": String(RETRY_AFTER) });
  }

  /** @throws HttpError `payload_too_large`, `unavailable`, `request_timeout`; InvalidRequestError for a body that broke off */
  read(request: HttpRequest): HeldBody | Promise<HeldBody> {
    const body = request.arrivedBody?.();
    if (body === undefined) return this.#receive(request);
    if (body.length > this.#bodyLimit) throw bodyTooLarge(this.#bodyLimit);
    return { body, release: () => undefined };
  }

  async #receive(request: HttpRequest): Promise<HeldBody> {
    const waiting: WaitingBody = { bytes: 0, reject: () => undefined };
    this.#incoming.add(waiting);
    const release = () => {
      this.#incoming.delete(waiting);
      this.#bytes -= waiting.bytes;
      waiting.bytes = 0;
    };
    const pace = new BodyPace(this.#timeout, (error) => waiting.reject(error));
    const onBytes = (count: number) => {
      pace.add(count);
      waiting.bytes += count;
      this.#bytes += count;
      if (this.#bytes > this.#limit) this.#rejectOldest();
    };
    const onRejected = (stop: (error: unknown) => void) => {
      waiting.reject = stop;
    };
    pace.start();
    try {
      const body = await request.readBody(this.#bodyLimit, { onBytes, onRejected });
      this.#incoming.delete(waiting);
      return { body, release };
    } catch (error) {
      release();
      throw error;
    } finally {
      pace.stop();
    }
  }

  #rejectOldest(): void {
    for (const oldest of this.#incoming) {
      if (this.#bytes <= this.#limit) return;
      this.#incoming.delete(oldest);
      this.#bytes -= oldest.bytes;
      oldest.bytes = 0;
      oldest.reject(this.#slowest);
    }
  }
}
