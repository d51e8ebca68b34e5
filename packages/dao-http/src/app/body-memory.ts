import { HttpError } from "../http/http-error.ts";
import type { HttpRequest } from "../http/http-message.ts";

/** Bytes of bodies in memory that belong to no request at work, unless one body may be larger than a quarter of that. */
const MEMORY = 64 * 1_048_576;

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
  readonly #limit: number;
  readonly #tooSlow: HttpError;
  #bytes = 0;
  /** Those that are still coming in, the oldest first. */
  readonly #incoming = new Set<WaitingBody>();

  /** @param bodyLimit bytes that one body may have */
  constructor(bodyLimit: number) {
    this.#bodyLimit = bodyLimit;
    this.#limit = Math.max(MEMORY, 4 * bodyLimit);
    const detail =
      "The service has too many bodies to read, and this one took the longest. Send it again, without pauses.";
    this.#tooSlow = new HttpError("unavailable", detail, { "retry-after": "2" });
  }

  /** @throws HttpError `payload_too_large`, `unavailable`; InvalidRequestError for a body that broke off */
  async read(request: HttpRequest): Promise<HeldBody> {
    const waiting: WaitingBody = { bytes: 0, refusal: new AbortController() };
    this.#incoming.add(waiting);
    const release = () => {
      this.#incoming.delete(waiting);
      this.#bytes -= waiting.bytes;
      waiting.bytes = 0;
    };
    const onBytes = (count: number) => {
      waiting.bytes += count;
      this.#bytes += count;
      if (this.#bytes > this.#limit) this.#refuseOldest();
    };
    try {
      const body = await request.readBody(this.#bodyLimit, { onBytes, signal: waiting.refusal.signal });
      this.#incoming.delete(waiting);
      return { body, release };
    } catch (error) {
      release();
      throw error;
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
