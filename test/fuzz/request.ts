import type { Operation } from "../rest/openapi-document.ts";

/** Bytes that a body may have. */
export const BODY_LIMIT = 1_048_576;

/** What the response may be. */
export interface Expectation {
  /**
   * `taken`: the request is right by the document, so that it is done, or fails for the state of the data. `refused`: it
   * is wrong, with one of `statuses`. `either`: the document leaves it open.
   */
  readonly is: "taken" | "refused" | "either";
  /** Where it is refused: how. */
  readonly statuses?: readonly number[];
  readonly because: string;
}

/** A request, and what is expected of its response. */
export interface FuzzRequest {
  /** What is fuzzed, for the table: `valid`, `broken body`. */
  readonly kind: string;
  readonly operation: Operation;
  /** Whether it can be seen to be for that operation: else its response is documented for none. */
  readonly isAimed: boolean;
  readonly method: string;
  /** Path and query as they are sent, each character a byte. */
  readonly target: string;
  /** With the blank before it: ` HTTP/1.1`. */
  readonly version: string;
  /** Whole lines, each character a byte. What frames the body comes after them. */
  readonly headers: readonly string[];
  readonly body: Uint8Array | undefined;
  /** What the body says, where it is JSON: for the comparison with the row that is returned. */
  readonly json: unknown;
  readonly framing: "length" | "chunked" | "as it is";
  readonly expectation: Expectation;
  /** Sent at one go: what comes after the end that it announced would meet a connection that is closed, and reset it. */
  readonly isInOnePiece?: boolean;
}

/** The name of the header in a line, in lower case. */
export function headerName(line: string): string {
  return line.slice(0, line.indexOf(":")).trim().toLowerCase();
}

/** The request without the headers of these names, given in lower case, and with these lines behind the others. */
export function withHeaders(request: FuzzRequest, without: readonly string[], ...lines: string[]): FuzzRequest {
  const kept = request.headers.filter((line) => !without.includes(headerName(line)));
  return { ...request, headers: [...kept, ...lines] };
}

/** Whether the request is one of those that are done once (Idempotency-Key). */
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

/** A body in chunks of the sizes that `cut` says (RFC 9112, 7.1). */
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
