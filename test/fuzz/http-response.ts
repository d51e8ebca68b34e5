/** A response, parsed strictly (RFC 9112). */
export interface HttpResponse {
  readonly status: number;
  /** In the order of the response, with lower-case names. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Uint8Array;
}

/** The bytes are not a sequence of HTTP responses. */
export class BadResponseError extends Error {}

/**
 * The final responses in `bytes`, without interim ones.
 * @param methods of the requests, in order: the response to HEAD has no body
 * @throws BadResponseError
 */
export function parseResponses(bytes: Uint8Array, methods: readonly string[]): HttpResponse[] {
  const responses: HttpResponse[] = [];
  let rest = bytes;
  while (rest.length > 0) {
    const { response, length } = parseResponse(rest, methods[responses.length] ?? "GET");
    rest = rest.subarray(length);
    if (response.status >= 200) responses.push(response);
  }
  return responses;
}

function parseResponse(bytes: Uint8Array, method: string): { response: HttpResponse; length: number } {
  const end = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).indexOf("\r\n\r\n");
  if (end === -1) throw new BadResponseError(`no end of the headers in ${JSON.stringify(textOf(bytes).slice(0, 200))}`);
  const [statusLine = "", ...lines] = textOf(bytes.subarray(0, end)).split("\r\n");
  const match = /^HTTP\/1\.1 ([1-5]\d\d) [\x20-\x7e]*$/.exec(statusLine);
  if (match === null) throw new BadResponseError(`a status line ${JSON.stringify(statusLine)}`);
  const status = Number(match[1]);
  const headers = lines.map(parseHeader);
  const start = end + 4;
  const hasBody = status >= 200 && status !== 204 && status !== 304 && method !== "HEAD";
  if (hasBody && !headers.some(([name]) => name === "content-length")) {
    const { body, length } = bodyWithoutLength(bytes.subarray(start), headers);
    return { response: { status, headers, body }, length: start + length };
  }
  const size = hasBody ? lengthOf(headers) : 0;
  if (bytes.length < start + size) {
    throw new BadResponseError(`${status} with ${bytes.length - start} of the ${size} bytes of its body`);
  }
  return { response: { status, headers, body: bytes.subarray(start, start + size) }, length: start + size };
}

function parseHeader(line: string): [name: string, value: string] {
  const match = /^([!#$%&'*+.^`|~\w-]+):[ \t]*([\x20-\x7e\x80-\xff\t]*?)[ \t]*$/.exec(line);
  if (match === null) throw new BadResponseError(`a header ${JSON.stringify(line)}`);
  return [match[1]?.toLowerCase() ?? "", match[2] ?? ""];
}

/** A streamed body: in chunks, or for a client without support for them up to the end of the connection. */
function bodyWithoutLength(bytes: Uint8Array, headers: HttpResponse["headers"]): { body: Uint8Array; length: number } {
  const headerOf = (wanted: string) => headers.find(([name]) => name === wanted)?.[1];
  if (headerOf("transfer-encoding") === "chunked") return joinChunks(bytes);
  if (headerOf("transfer-encoding") === undefined && headerOf("connection") === "close") {
    return { body: bytes, length: bytes.length };
  }
  throw new BadResponseError("a body without a length or chunks");
}

/** RFC 9112, 7.1, without extensions and trailers. */
function joinChunks(bytes: Uint8Array): { body: Uint8Array; length: number } {
  const parts: Uint8Array[] = [];
  for (let from = 0; ; ) {
    const line = /^([0-9a-f]+)\r\n/i.exec(textOf(bytes.subarray(from, from + 20)));
    if (line === null) throw new BadResponseError("a body in chunks that is cut off");
    const start = from + line[0].length;
    const size = Number.parseInt(line[1] ?? "", 16);
    const end = start + size;
    if (textOf(bytes.subarray(end, end + 2)) !== "\r\n") throw new BadResponseError("a chunk that is cut off");
    if (size === 0) return { body: Buffer.concat(parts), length: end + 2 };
    parts.push(bytes.subarray(start, end));
    from = end + 2;
  }
}

function lengthOf(headers: HttpResponse["headers"]): number {
  const values = headers.filter(([name]) => name === "content-length");
  const value = values[0]?.[1] ?? "";
  if (values.length !== 1 || !/^\d+$/.test(value)) throw new BadResponseError("a body without one Content-Length");
  return Number(value);
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("latin1");
}
