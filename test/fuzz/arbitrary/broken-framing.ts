import { linesOf, takesLines } from "../lines.ts";
import { type FuzzRequest, withHeaders } from "../request.ts";
import { change, refusedPast } from "./broken-head.ts";

/** The request with these bytes as its body, framed by `lines` alone. */
function framed(request: FuzzRequest, body: Uint8Array, ...lines: string[]): FuzzRequest {
  return { ...withHeaders(request, [], ...lines), body, framing: "as it is" };
}

const CHUNKED = "Transfer-Encoding: chunked";

/** Content-Length and Transfer-Encoding headers that are contradictory or invalid (RFC 9112, 6). */
export const brokenLength = change(
  ({ body }) => {
    const length = body?.length ?? EMPTY.length;
    const values = [`-${length}`, `+${length}`, `${length}.0`, `0x${length.toString(16)}`, `${length} ${length}`];
    return [
      ...[...values, `${length}, ${length + 1}`, "9".repeat(26), "x"].map((value) => [`Content-Length: ${value}`]),
      ...["xchunked", "chunked, identity", "gzip"].map((value) => [`Transfer-Encoding: ${value}`]),
      [`Content-Length: ${length}`, `Content-Length: ${length + 1}`],
      [`Content-Length: ${length}`, CHUNKED],
      [CHUNKED, `Content-Length: ${length}`],
    ];
  },
  (request, lines) => refusedPast(framed(request, request.body ?? EMPTY, ...lines), lines.join(" and "), 400),
);

const EMPTY = Buffer.from("{}");

/** A Content-Length other than the body's. An NDJSON body is not cut between its lines, where what is left would be valid. */
export const otherLength = change(
  ({ operation, body = EMPTY }) => {
    if (body === EMPTY || body.length < 2) return [];
    const more = [body.length + 1, body.length + 1_000];
    const half = Math.floor(body.length / 2);
    if (!takesLines(operation.operation)) return [0, 1, half, half, ...more];
    const cuts = linesOf(body).flatMap(([from, to]) => {
      const text = Buffer.from(body.subarray(from, to)).toString("latin1");
      const start = from + text.length - text.trimStart().length;
      return [start + 1, start + Math.ceil(text.trim().length / 2)];
    });
    return [...cuts, ...more];
  },
  (request, length) => {
    const { body = EMPTY } = request;
    const because = `a Content-Length of ${length} for ${body.length} bytes`;
    const sent = { ...framed(request, body, `Content-Length: ${length}`), isInOnePiece: length < body.length };
    return refusedPast(sent, because, 400);
  },
);

function chunked(request: FuzzRequest, chunks: string): FuzzRequest {
  return { ...framed(request, Buffer.from(chunks, "latin1"), CHUNKED), version: " HTTP/1.1" };
}

/** The body, one character a byte; none for an empty body, whose response may be sent before the chunks are parsed. */
function textAndSize({ body }: FuzzRequest): readonly [text: string, length: number][] {
  return body === undefined || body.length === 0 ? [] : [[Buffer.from(body).toString("latin1"), body.length]];
}

/** Invalid chunks (RFC 9112, 7.1). */
export const brokenChunks = change(
  (request) =>
    textAndSize(request).flatMap(([text, length]) => {
      const size = length.toString(16);
      const end = "\r\n0\r\n\r\n";
      const sizes = [
        `x${size}`,
        `-${size}`,
        `0x${size}`,
        (length + 5).toString(16),
        (length - 1).toString(16),
        "f".repeat(18),
      ];
      return [
        ...sizes.map((wrong) => `${wrong}\r\n${text}${end}`),
        `${text}${end}`.replace(/^[0-9a-f]+/i, ""),
        `${size}${text}${end}`,
        `${size}\r\n${text}0\r\n\r\n`,
        `\r\n${size}\r\n${text}${end}`,
        `${size}\r\n${text}\r\nz\r\n\r\n`,
      ];
    }),
  (request, chunks) => refusedPast(chunked(request, chunks), "malformed chunks", 400),
);

/** Unusual but valid chunks. */
export const oddChunks = change(
  (request) =>
    textAndSize(request).flatMap(([text, length]) => {
      const size = length.toString(16);
      return [
        `${size.toUpperCase()}\r\n${text}\r\n0\r\n\r\n`,
        `0000${size}\r\n${text}\r\n000\r\n\r\n`,
        `${size};name=value\r\n${text}\r\n0;last\r\n\r\n`,
        `${size};name="quoted"\r\n${text}\r\n0\r\n\r\n`,
        `${size}\r\n${text}\r\n0\r\nX-Trailer: x\r\nX-Flux-Service-Key: wrong\r\n\r\n`,
      ];
    }),
  chunked,
);
