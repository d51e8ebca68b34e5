import { CollectedBytes } from "../wire/collected-bytes.ts";
import { MIN_PROGRESS } from "../wire/limits.ts";
import { bodyBrokeOff, bodyReadAlready, bodyTooLarge, ClientGoneError } from "./http-error.ts";
import {
  type BodyReading,
  type HttpRequest,
  type HttpResponse,
  isStreamed,
  type StreamedResponse,
  setSecurityHeaders,
} from "./http-message.ts";

/** A web-standard handler that responds by `handle`. */
export function toFetchHandler(
  handle: (request: HttpRequest) => Promise<HttpResponse>,
): (request: Request) => Promise<Response> {
  return async (request) => {
    const response = await handle(new FetchRequest(request));
    const { status, headers } = response;
    setSecurityHeaders(headers);
    const body = isStreamed(response) ? toStream(response) : response.body;
    if (request.method !== "HEAD") return new Response(body, { status, headers });
    if (body instanceof ReadableStream) await body.cancel();
    return new Response(null, { status, headers });
  };
}

/** The bytes of a body, each piece produced when it is requested. */
function toStream({ body, signal }: StreamedResponse): ReadableStream<Uint8Array> {
  const pieces = body[Symbol.asyncIterator]();
  const encoder = new TextEncoder();
  return new ReadableStream({
    start(controller) {
      signal?.addEventListener("abort", () => controller.error(signal.reason), { once: true });
    },
    async pull(controller) {
      const { done, value } = await pieces.next();
      if (done === true) controller.close();
      else controller.enqueue(encoder.encode(value));
    },
    async cancel() {
      await pieces.return?.();
    },
  });
}

/** A request of a host that speaks `fetch`. */
class FetchRequest implements HttpRequest {
  readonly #request: Request;
  readonly target: string;

  constructor(request: Request) {
    this.#request = request;
    const { url } = request;
    const fragment = url.indexOf("#");
    this.target = url.slice(url.indexOf("/", url.indexOf("://") + 3), fragment === -1 ? undefined : fragment);
  }

  get method(): string {
    return this.#request.method;
  }

  get scheme(): string {
    const { url } = this.#request;
    return url.slice(0, url.indexOf(":"));
  }

  header(name: string): string | undefined {
    return this.#request.headers.get(name) ?? undefined;
  }

  get signal(): AbortSignal {
    const { signal } = this.#request;
    const gone = new AbortController();
    const abort = () => gone.abort(new ClientGoneError());
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort, { once: true });
    return gone.signal;
  }

  async *readChunks(signal?: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
    if (this.#request.bodyUsed) throw bodyReadAlready();
    const reader = this.#request.body?.getReader();
    if (reader === undefined) return;
    // Not awaited: a sender may not react.
    const cancel = () => void reader.cancel().catch(() => undefined);
    signal?.addEventListener("abort", cancel, { once: true });
    try {
      for (;;) {
        const { value, done } = await reader.read().catch(() => {
          throw bodyBrokeOff();
        });
        if (done) break;
        yield value;
      }
      // A cancelled reader ends as if the body had.
      signal?.throwIfAborted();
    } finally {
      signal?.removeEventListener("abort", cancel);
      cancel();
    }
  }

  async readBody(limit: number, reading?: BodyReading): Promise<Uint8Array> {
    const length = Number(this.header("content-length"));
    if (length > limit) throw bodyTooLarge(limit);
    // Far cheaper than in pieces, and too short for its pace to matter.
    return length <= MIN_PROGRESS ? this.#readAtOnce(limit, reading) : this.#readInPieces(limit, reading);
  }

  async #readAtOnce(limit: number, reading: BodyReading | undefined): Promise<Uint8Array> {
    if (this.#request.bodyUsed) throw bodyReadAlready();
    const body = await new Promise<ArrayBuffer>((resolve, reject) => {
      reading?.onRejected(reject);
      this.#request.arrayBuffer().then(resolve, () => reject(bodyBrokeOff()));
    });
    if (body.byteLength > limit) throw bodyTooLarge(limit);
    return new Uint8Array(body);
  }

  async #readInPieces(limit: number, reading: BodyReading | undefined): Promise<Uint8Array> {
    const body = new CollectedBytes();
    const rejection = new AbortController();
    reading?.onRejected((error) => rejection.abort(error));
    for await (const chunk of this.readChunks(rejection.signal)) {
      reading?.onBytes(chunk.length);
      if (body.length + chunk.length > limit) throw bodyTooLarge(limit);
      body.append(chunk);
    }
    return body.take();
  }
}
