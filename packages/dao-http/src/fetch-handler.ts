import { bodyBrokeOff, bodyTooLarge } from "./body-errors.ts";
import type { HttpRequest, HttpResponse } from "./http-message.ts";
import { setSecurityHeaders } from "./security-headers.ts";

/** A web-standard handler that answers by `handle`. */
export function toFetchHandler(
  handle: (request: HttpRequest) => Promise<HttpResponse>,
): (request: Request) => Promise<Response> {
  return async (request) => {
    const { status, headers, body } = await handle(new FetchRequest(request));
    setSecurityHeaders(headers);
    return new Response(request.method === "HEAD" ? null : body, { status, headers });
  };
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

  header(name: string): string | undefined {
    return this.#request.headers.get(name) ?? undefined;
  }

  async readBody(limit: number): Promise<Uint8Array> {
    if (Number(this.header("content-length")) > limit) throw bodyTooLarge(limit);
    const reader = this.#request.body?.getReader();
    if (reader === undefined) return new Uint8Array();
    const chunks: Uint8Array[] = [];
    let length = 0;
    for (let next = await read(reader); next !== undefined; next = await read(reader)) {
      length += next.length;
      if (length > limit) {
        // Whether the sender minds is not ours to wait for.
        reader.cancel().catch(() => undefined);
        throw bodyTooLarge(limit);
      }
      chunks.push(next);
    }
    return concatenate(chunks, length);
  }
}

async function read(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<Uint8Array | undefined> {
  try {
    return (await reader.read()).value;
  } catch {
    throw bodyBrokeOff();
  }
}

function concatenate(chunks: readonly Uint8Array[], length: number): Uint8Array {
  const [first] = chunks;
  if (first !== undefined && chunks.length === 1) return first;
  const body = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    body.set(chunk, offset);
    offset += chunk.length;
  }
  return body;
}
