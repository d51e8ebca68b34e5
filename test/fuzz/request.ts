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

/** Whether its response has no end of its own, if it is accepted. */
export function isEndless({ operation }: FuzzRequest): boolean {
  return operation.path.endsWith("/changes/stream");
}

/** Everything before the body, one character a byte. */
function headOf({ method, target, version, headers, body, framing }: FuzzRequest): string {
  const lines = [`${method} ${target}${version}`, ...headers];
  if (body !== undefined && framing === "length") lines.push(`Content-Length: ${body.length}`);
  if (framing === "chunked") lines.push("Transfer-Encoding: chunked");
  return `${lines.join("\r\n")}\r\n\r\n`;
}

/** Maximum bytes of a head. */
const HEAD_LIMIT = 16_384;

/**
 * The request, which must be refused if its head is over the limit. Node does not count separators, so the head is then made longer
 * by more than these.
 */
export function withinHeadLimit(request: FuzzRequest): FuzzRequest {
  if (headOf(request).length <= HEAD_LIMIT) return request;
  const { is, statuses = [] } = request.expectation;
  const permitted = is === "refused" ? [...statuses, 431] : [431];
  return {
    ...withHeaders(request, [], `X-Longer: ${"x".repeat(HEAD_LIMIT)}`),
    // A head that is not read to its end has no method: the response has a body.
    method: request.method === "HEAD" ? "GET" : request.method,
    isAimed: false,
    expectation: { is: "refused", statuses: permitted, because: "a head over the limit" },
  };
}

/** The bytes of a request. */
export function bytesOf(request: FuzzRequest, cutChunk: (left: number) => number): Uint8Array {
  const { body, framing } = request;
  const parts: Uint8Array[] = [Buffer.from(headOf(request), "latin1")];
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
