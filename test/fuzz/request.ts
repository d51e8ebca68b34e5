import type { Operation } from "../rest/openapi-document.ts";

/** Maximum bytes of a body. */
export const BODY_LIMIT = 1_048_576;

/** Which responses are permitted. */
export interface Expectation {
  /**
   * `taken`: the request is valid by the document, so it succeeds, or fails because of the state of the data. `refused`: it
   * is invalid, and gets one of `statuses`. `either`: the document leaves it open.
   */
  readonly is: "taken" | "refused" | "either";
  /** The permitted statuses of a rejection. */
  readonly statuses?: readonly number[];
  readonly because: string;
}

/** A request, and the expectation of its response. */
export interface FuzzRequest {
  /** The part that is fuzzed, for the table: `valid`, `broken body`. */
  readonly kind: string;
  readonly operation: Operation;
  /** Whether the request can be matched to its operation; otherwise its response is not one of the operation's. */
  readonly isAimed: boolean;
  readonly method: string;
  /** Path and query as sent, one character a byte. */
  readonly target: string;
  /** With the space before it: ` HTTP/1.1`. */
  readonly version: string;
  /** Whole lines, one character a byte, without those that frame the body. */
  readonly headers: readonly string[];
  readonly body: Uint8Array | undefined;
  /** The parsed body, if it is JSON: to compare with the returned row. */
  readonly json: unknown;
  readonly framing: "length" | "chunked" | "as it is";
  readonly expectation: Expectation;
  /** Sent in one write: bytes after the announced end would reach a closed connection, and reset it. */
  readonly isInOnePiece?: boolean;
}

/** The name of the header in a line, in lower case. */
export function headerName(line: string): string {
  return line.slice(0, line.indexOf(":")).trim().toLowerCase();
}

/** The request without the headers of these names (in lower case), and with these lines after the others. */
export function withHeaders(request: FuzzRequest, without: readonly string[], ...lines: string[]): FuzzRequest {
  const kept = request.headers.filter((line) => !without.includes(headerName(line)));
  return { ...request, headers: [...kept, ...lines] };
}

/** Whether the request has an Idempotency-Key. */
export function isKeyed({ headers }: FuzzRequest): boolean {
  return headers.some((line) => headerName(line) === "idempotency-key");
}

/** The bytes of a request. */
export function bytesOf(request: FuzzRequest, cutChunk: (left: number) => number): Uint8Array {
  const { method, target, version, headers, body, framing } = request;
  const lines = [`${method} ${target}${version}`, ...headers];
  const parts: Uint8Array[] = [];
  if (body !== undefined && framing === "length") lines.push(`Content-Length: ${body.length}`);
  if (framing === "chunked") lines.push("Transfer-Encoding: chunked");
  parts.push(Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1"));
  if (body !== undefined && framing === "chunked") parts.push(...chunks(body, cutChunk));
  else if (body !== undefined) parts.push(body);
  return Buffer.concat(parts);
}

/** A chunked body, with chunks of the sizes that `cut` returns (RFC 9112, 7.1). */
function* chunks(body: Uint8Array, cut: (left: number) => number): Generator<Uint8Array> {
  let from = 0;
  while (from < body.length) {
    const size = Math.max(1, Math.min(cut(body.length - from), body.length - from));
    yield Buffer.from(`${size.toString(16)}\r\n`);
    yield body.subarray(from, from + size);
    yield Buffer.from("\r\n");
    from += size;
  }
  yield Buffer.from("0\r\n\r\n");
}
