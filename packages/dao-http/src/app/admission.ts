import type { HttpRequest, HttpResponse } from "../http/http-message.ts";
import { bodyTooLarge, HttpError } from "../http/problem.ts";
import { bodyInTime, CollectedBytes } from "../http/request-body.ts";
import { BODY_MEMORY, LONG_BODIES, LONG_BODY, MIN_PROGRESS } from "../wire/limits.ts";
import { createConcurrencyLimit } from "./concurrency-limit.ts";
import type { EndpointRequest, RouteEndpoint } from "./endpoint.ts";
import type { Run } from "./read-replica.ts";
import type { ResponseMemory } from "./response-memory.ts";

/**
 * Serves requests when they have their bodies, and there is room for them.
 * @param most maximum numbers of requests in progress and in the queue
 */
export function createAdmission(
  most: { readonly inProgress: number; readonly waiting: number },
  readBody: ReturnType<typeof bodyReader>,
  memory: ResponseMemory,
) {
  const limit = createConcurrencyLimit(most);
  const longBodyLimit = createConcurrencyLimit({ ...most, inProgress: LONG_BODIES });
  return { limit, serve };

  async function serve(endpoint: RouteEndpoint, request: EndpointRequest, run?: Run): Promise<HttpResponse> {
    const { http } = request;
    const { input } = endpoint.operation;
    const prepared = endpoint.prepare(request);
    const respond = run === undefined ? prepared : (body: Uint8Array) => run(() => prepared(body));
    let held = NO_BODY;
    // An import takes as long as its sender; the data layer limits how many there are. Those of changes count while they read.
    if (input === "ndjson" || endpoint.isOfChanges === true) return memory.held(await respond(held.body), http);
    // Before the request counts as in progress, so that a slow client occupies no slot.
    if (input === "body") {
      // By then a body in the same packet has arrived, too.
      await limit.whenRoom(http);
      const reading = readBody(http);
      held = reading instanceof Promise ? await reading : reading;
    }
    // The objects that a long body becomes are several times as long, so it waits as it is for those before it.
    const longBodies = held.body.length > LONG_BODY ? longBodyLimit : undefined;
    try {
      if (longBodies !== undefined) await longBodies.enter(http);
    } catch (error) {
      held.release();
      throw error;
    }
    try {
      const entering = limit.enter(http);
      if (entering === undefined) held.release();
      else await entering.finally(held.release);
      try {
        const response = memory.held(await respond(held.body), http);
        // A long response counts as in progress until there is memory for it.
        return response instanceof Promise ? await response : response;
      } finally {
        limit.leave();
      }
    } finally {
      longBodies?.leave();
    }
  }
}

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
  const arriving = new Set<{ bytes: number; readonly stop: AbortController; readonly release: () => void }>();

  async function receive(request: HttpRequest): Promise<HeldBody> {
    const body = new CollectedBytes();
    const release = () => {
      arriving.delete(own);
      held -= own.bytes;
      own.bytes = 0;
    };
    const own = { bytes: 0, stop: new AbortController(), release };
    arriving.add(own);
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
      oldest.release();
      oldest.stop.abort(slowest);
    }
  }

  return (request: HttpRequest): HeldBody | Promise<HeldBody> => {
    const body = request.arrivedBody?.();
    if ((body?.length ?? Number(request.header("content-length"))) > bodyLimit) throw bodyTooLarge(bodyLimit);
    return body === undefined ? receive(request) : { body, release: () => undefined };
  };
}

const NO_BODY: HeldBody = { body: new Uint8Array(), release: () => undefined };
