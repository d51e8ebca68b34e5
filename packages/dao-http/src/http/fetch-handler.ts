import { MIN_PROGRESS } from "../wire/limits.ts";
import { type HttpRequest, type HttpResponse, isStreamed, type StreamedResponse } from "./http-message.ts";
import { bodyBrokeOff, bodyReadAlready, ClientGoneError } from "./problem.ts";

/** A web-standard handler that calls `handle`. */
export function toFetchHandler(
  handle: (request: HttpRequest) => Promise<HttpResponse>,
): (request: Request) => Promise<Response> {
  return async (request) => {
    const response = await handle(new FetchRequest(request));
    const { status, headers } = response;
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
    if (Number(this.header("content-length")) <= MIN_PROGRESS) {
      yield await this.#readAtOnce(signal);
      return;
    }
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
      // To a cancelled reader the body seems to have ended.
      signal?.throwIfAborted();
    } finally {
      signal?.removeEventListener("abort", cancel);
      cancel();
    }
  }
  /** Reading it at once is cheaper on hosts with requests of their own, and it is too short to be slow. */
  #readAtOnce(signal: AbortSignal | undefined): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
      this.#request.arrayBuffer().then(
        (body) => resolve(new Uint8Array(body)),
        () => reject(bodyBrokeOff()),
      );
    });
  }
}
