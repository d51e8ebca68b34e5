import { BodyPace } from "../http/body-pace.ts";
import { HttpError } from "../http/http-error.ts";
import type { HttpRequest } from "../http/http-message.ts";
import { BODY_MEMORY, RETRY_AFTER } from "../wire/limits.ts";

/** A body that is read, and not at work yet. */
interface WaitingBody {
  bytes: number;
  readonly refusal: AbortController;
}

/** A body in full, and what to call when it no longer waits. */
interface HeldBody {
  readonly body: Uint8Array;
  readonly release: () => void;
}

/**
 * Reads bodies before their requests have a place at work, so that who sends slowly keeps nobody from one. What has come in
 * counts until the request is at work; when all of it together is too much, the body that has been coming in for longest is
 * refused, which is never one that is sent at a usual speed.
 */
export class BodyMemory {
  readonly #bodyLimit: number;
  readonly #timeout: number;
  readonly #limit: number;
  readonly #tooSlow: HttpError;
  #bytes = 0;
  /** Those that are still coming in, the oldest first. */
  readonly #incoming = new Set<WaitingBody>();

  /**
   * @param bodyLimit bytes that one body may have
   * @param timeout milliseconds ({@link BodyPace})
   */
  constructor(bodyLimit: number, timeout: number) {
    this.#bodyLimit = bodyLimit;
    this.#timeout = timeout;
    this.#limit = Math.max(BODY_MEMORY, 4 * bodyLimit);
    const detail =
      "The service has too many bodies to read, and this one took the longest. Send it again, without pauses.";
    this.#tooSlow = new HttpError("unavailable", detail, { "retry-after": String(RETRY_AFTER) });
  }

  /** @throws HttpError `payload_too_large`, `unavailable`, `request_timeout`; InvalidRequestError for a body that broke off */
  async read(request: HttpRequest): Promise<HeldBody> {
    const waiting: WaitingBody = { bytes: 0, refusal: new AbortController() };
    this.#incoming.add(waiting);
    const release = () => {
      this.#incoming.delete(waiting);
      this.#bytes -= waiting.bytes;
      waiting.bytes = 0;
    };
    const pace = new BodyPace(this.#timeout, (error) => waiting.refusal.abort(error));
    const onBytes = (count: number) => {
      pace.add(count);
      waiting.bytes += count;
      this.#bytes += count;
      if (this.#bytes > this.#limit) this.#refuseOldest();
    };
    pace.start();
    try {
      const body = await request.readBody(this.#bodyLimit, { onBytes, signal: waiting.refusal.signal });
      this.#incoming.delete(waiting);
      return { body, release };
    } catch (error) {
      release();
      throw error;
    } finally {
      pace.stop();
    }
  }

  #refuseOldest(): void {
    for (const oldest of this.#incoming) {
      if (this.#bytes <= this.#limit) return;
      this.#incoming.delete(oldest);
      this.#bytes -= oldest.bytes;
      oldest.bytes = 0;
      oldest.refusal.abort(this.#tooSlow);
    }
  }
}
