import type { Random } from "../random.ts";
import { type Break, refusedPast } from "./broken-head.ts";
import { linesOf, takesLines } from "./lines.ts";
import { type FuzzRequest, withHeaders } from "./request.ts";
import { pick } from "./text.ts";

/** The request with these bytes behind its headers, and with no other framing than `lines`. */
function framed(request: FuzzRequest, body: string | Uint8Array, ...lines: string[]): FuzzRequest {
  return { ...withHeaders(request, [], ...lines), body: Buffer.from(body), framing: "as it is" };
}

/** Announcements of a body's length that contradict themselves or mean nothing (RFC 9112, 6). */
export const brokenLength: Break = (random, request) => {
  const body = request.body ?? Buffer.from("{}");
  const { length } = body;
  const lines = pick(random, [
    [`Content-Length: ${length}`, `Content-Length: ${length + 1}`],
    [`Content-Length: ${length}, ${length + 1}`],
    [`Content-Length: ${length}`, "Transfer-Encoding: chunked"],
    ["Transfer-Encoding: chunked", `Content-Length: ${length}`],
    [`Content-Length: -${length}`],
    [`Content-Length: +${length}`],
    [`Content-Length: ${length}.0`],
    [`Content-Length: 0x${length.toString(16)}`],
    [`Content-Length: ${length} ${length}`],
    ["Content-Length: 99999999999999999999999999"],
    ["Content-Length: x"],
    ["Transfer-Encoding: xchunked"],
    ["Transfer-Encoding: chunked, identity"],
    ["Transfer-Encoding: gzip"],
  ]);
  return refusedPast(framed(request, body, ...lines), lines.join(" and "), 400);
};

/** Where a body can be cut so that what is left is wrong: not between its lines. */
function cutsOf({ operation }: FuzzRequest, body: Uint8Array): readonly number[] {
  const half = Math.floor(body.length / 2);
  if (!takesLines(operation.operation)) return [0, 1, half, half];
  return linesOf(body).flatMap(([from, to]) => {
    const text = Buffer.from(body.subarray(from, to)).toString("latin1");
    const start = from + text.length - text.trimStart().length;
    return [start + 1, start + Math.ceil(text.trim().length / 2)];
  });
}

/** A body of another length than its announcement. */
export const otherLength: Break = (random, request) => {
  const { body } = request;
  if (body === undefined || body.length < 2) return undefined;
  const length = pick(random, [...cutsOf(request, body), body.length + 1, body.length + 1_000]);
  const because = `a Content-Length of ${length} for ${body.length} bytes`;
  const sent = { ...framed(request, body, `Content-Length: ${length}`), isInOnePiece: length < body.length };
  return refusedPast(sent, because, 400);
};

/** Chunks that are none (RFC 9112, 7.1). */
export const brokenChunks: Break = (random, request) => {
  // An answer that needs no body may come before it.
  if (request.body === undefined || request.body.length === 0) return undefined;
  const text = Buffer.from(request.body).toString("latin1");
  const size = text.length.toString(16);
  const chunks = pick(random, [
    `${text}\r\n0\r\n\r\n`.replace(/^[0-9a-f]+/i, ""),
    `x${size}\r\n${text}\r\n0\r\n\r\n`,
    `-${size}\r\n${text}\r\n0\r\n\r\n`,
    `0x${size}\r\n${text}\r\n0\r\n\r\n`,
    `${size}${text}\r\n0\r\n\r\n`,
    `${size}\r\n${text}0\r\n\r\n`,
    `${(text.length + 5).toString(16)}\r\n${text}\r\n0\r\n\r\n`,
    `${(text.length - 1).toString(16)}\r\n${text}\r\n0\r\n\r\n`,
    `ffffffffffffffffff\r\n${text}\r\n0\r\n\r\n`,
    `\r\n${size}\r\n${text}\r\n0\r\n\r\n`,
    `${size}\r\n${text}\r\nz\r\n\r\n`,
  ]);
  const head = {
    ...framed(request, Buffer.from(chunks, "latin1"), "Transfer-Encoding: chunked"),
    version: " HTTP/1.1",
  };
  return refusedPast(head, "malformed chunks", 400);
};

/** Chunks as few senders make them, which are right nevertheless. */
export const oddChunks: Break = (random: Random, request) => {
  const { body } = request;
  if (body === undefined || body.length === 0) return undefined;
  const size = body.length.toString(16);
  const [before, after] = pick<[string, string]>(random, [
    [`${size.toUpperCase()}\r\n`, "\r\n0\r\n\r\n"],
    [`0000${size}\r\n`, "\r\n000\r\n\r\n"],
    [`${size};name=value\r\n`, "\r\n0;last\r\n\r\n"],
    [`${size};name="quoted"\r\n`, "\r\n0\r\n\r\n"],
    [`${size}\r\n`, "\r\n0\r\nX-Trailer: x\r\nX-Flux-Service-Key: wrong\r\n\r\n"],
  ]);
  const bytes = Buffer.concat([Buffer.from(before), body, Buffer.from(after)]);
  return { ...framed(request, bytes, "Transfer-Encoding: chunked"), version: " HTTP/1.1" };
};
