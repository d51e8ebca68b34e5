/** A response, read strictly (RFC 9112). */
export interface HttpResponse {
  readonly status: number;
  /** In the order of the answer, names in lower case. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Uint8Array;
}

/** Bytes that are no sequence of HTTP responses. */
export class BadResponseError extends Error {}

/**
 * The final responses in `bytes`, interim ones left out.
 * @param methods of the requests, in order: the answer to a HEAD has no body
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
  const size = status < 200 || status === 204 || status === 304 || method === "HEAD" ? 0 : lengthOf(headers);
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

/** The service knows the length of all that it answers. */
function lengthOf(headers: HttpResponse["headers"]): number {
  const values = headers.filter(([name]) => name === "content-length");
  const value = values[0]?.[1] ?? "";
  if (values.length !== 1 || !/^\d+$/.test(value)) throw new BadResponseError("a body without one Content-Length");
  return Number(value);
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("latin1");
}
