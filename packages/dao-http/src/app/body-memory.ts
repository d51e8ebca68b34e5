import type { HttpRequest } from "../http/http-message.ts";
import { bodyTooLarge, HttpError } from "../http/problem.ts";
import { bodyInTime, CollectedBytes } from "../http/request-body.ts";
import { BODY_MEMORY, MIN_PROGRESS } from "../wire/limits.ts";

/** A complete body, and a function to call when its request no longer waits. */
export interface HeldBody {
  readonly body: Uint8Array;
  readonly release: () => void;
}

/**
 * Reads bodies before their requests count as in progress, so that slow senders occupy no slot. If they use too much memory
 * together, the body that has been arriving for longest is rejected, which is never one sent at normal speed. Throws HttpError
 * `payload_too_large`, `unavailable`, `request_timeout`; InvalidRequestError for an interrupted body.
 */
export function bodyReader(bodyLimit: number, timeout: number) {
  const memory = Math.max(BODY_MEMORY, 4 * bodyLimit);
  const slowest = new HttpError(
    "unavailable",
    "The service is receiving too many bodies, and this one took longest. Send it again, without pauses.",
  );
  let held = 0;
  /** Bodies that are still arriving, oldest first. */
  const arriving = new Set<{ bytes: number; readonly stop: AbortController }>();

  async function receive(request: HttpRequest): Promise<HeldBody> {
    const body = new CollectedBytes();
    const own = { bytes: 0, stop: new AbortController() };
    arriving.add(own);
    const release = () => {
      arriving.delete(own);
      held -= own.bytes;
      own.bytes = 0;
    };
    try {
      for await (const chunk of bodyInTime(request, timeout, own.stop)) {
        if (body.length + chunk.length > bodyLimit) throw bodyTooLarge(bodyLimit);
        body.append(chunk);
        own.bytes += chunk.length;
        held += chunk.length;
        if (held > memory) rejectOldest();
      }
      arriving.delete(own);
      return { body: body.take(), release };
    } catch (error) {
      release();
      throw error;
    }
  }

  function rejectOldest(): void {
    for (const oldest of arriving) {
      if (held <= memory) return;
      // It would make no room: a short body in two packets may just be the oldest.
      if (oldest.bytes < MIN_PROGRESS) continue;
      arriving.delete(oldest);
      held -= oldest.bytes;
      oldest.bytes = 0;
      oldest.stop.abort(slowest);
    }
  }

  return (request: HttpRequest): HeldBody | Promise<HeldBody> => {
    const body = request.arrivedBody?.();
    if ((body?.length ?? Number(request.header("content-length"))) > bodyLimit) throw bodyTooLarge(bodyLimit);
    return body === undefined ? receive(request) : { body, release: () => undefined };
  };
}
