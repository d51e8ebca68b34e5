import { gzipSync } from "node:zlib";
import type { Random } from "../random.ts";
import { type Break, refused } from "./broken-head.ts";
import { linesOf, takesLines, withLine } from "./lines.ts";
import { BODY_LIMIT, type FuzzRequest, withHeaders } from "./request.ts";
import { pick } from "./text.ts";

/** Whether the body has one JSON text a line, so that what breaks a JSON text must break one of them. */
const isByLines = ({ operation }: FuzzRequest): boolean => takesLines(operation.operation);

/** Media types and charsets that are not those of the body. */
export const brokenMediaType: Break = (random, request) => {
  if (request.body === undefined) return undefined;
  const own = isByLines(request) ? "application/x-ndjson" : "application/json";
  const type = pick(random, [
    isByLines(request) ? "application/json" : "application/x-ndjson",
    "text/plain",
    "text/json",
    "application/xml",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/merge-patch+json",
    "application/problem+json",
    "application/jsonp",
    "application/ json",
    "application",
    "json",
    "*/*",
    "\xff",
    `${own}; charset=utf-16`,
    `${own}; charset=iso-8859-1`,
    `${own};charset="latin1"`,
    `${own}; charset=`,
    `${own}; charset=utf-7; charset=utf-8`,
  ]);
  return refused(withHeaders(request, ["content-type"], `Content-Type: ${type}`), `the media type ${type}`, 415);
};

/** The request with its JSON text, or one of those that it has, made another. */
function withText(
  random: Random,
  request: FuzzRequest,
  make: (text: Buffer) => readonly [because: string, bytes: Uint8Array],
): FuzzRequest | undefined {
  const { body } = request;
  if (body === undefined) return undefined;
  if (!isByLines(request)) {
    const [because, bytes] = make(Buffer.from(body));
    return withBody(request, bytes, because);
  }
  let why = "";
  let isBlank = false;
  const broken = withLine(random, body, (line) => {
    const [because, bytes] = make(Buffer.from(Buffer.from(line).toString("utf8").trim()));
    why = because;
    isBlank = linesOf(bytes).length === 0;
    return bytes;
  });
  // A blank line is none, and no error.
  return broken === undefined || isBlank ? undefined : withBody(request, broken, `a line: ${why}`);
}

function withBody(request: FuzzRequest, body: Uint8Array, because: string, ...statuses: number[]): FuzzRequest {
  return refused({ ...request, body, json: undefined }, because, ...(statuses.length === 0 ? [400] : statuses));
}

/** The same JSON in bytes that are not UTF-8. */
export const brokenEncoding: Break = (random, request) =>
  withText(random, request, (json) => {
    const utf16 = Buffer.from(json.toString("utf8"), "utf16le");
    const inText = (bytes: readonly number[]) =>
      Buffer.concat([Buffer.from('{"x":"'), Buffer.from(bytes), Buffer.from('",'), json.subarray(1)]);
    return pick<[string, Uint8Array]>(random, [
      ["UTF-16LE", utf16],
      ["UTF-16LE with a byte-order mark", Buffer.concat([Buffer.from([0xff, 0xfe]), utf16])],
      ["UTF-16BE", Buffer.from(utf16).swap16()],
      ["UTF-16BE with a byte-order mark", Buffer.concat([Buffer.from([0xfe, 0xff]), Buffer.from(utf16).swap16()])],
      ["Latin-1", inText([0xe9])],
      ["a UTF-8 sequence that ends too early", inText([0xf0, 0x9f, 0x98])],
      ["an overlong sequence", inText([0xc0, 0x80])],
      ["a surrogate in UTF-8", inText([0xed, 0xa0, 0x80])],
      ["a code point beyond Unicode", inText([0xf4, 0x90, 0x80, 0x80])],
      ["a NUL byte", inText([0])],
      ["a line break within text", inText([10])],
    ]);
  });

/** A body that is compressed, which the document does not offer. */
export const compressedBody: Break = (random, request) => {
  if (request.body === undefined) return undefined;
  const isSaid = random.chance(0.7);
  const headers = isSaid ? [`Content-Encoding: ${pick(random, ["gzip", "x-gzip", "br", "deflate"])}`] : [];
  return withBody(withHeaders(request, [], ...headers), gzipSync(request.body), "a compressed body", 400, 415);
};

/** Bytes that are UTF-8, and no JSON. */
export const brokenJson: Break = (random, request) =>
  withText(random, request, (json) => {
    const other = brokenText(random, json.toString("utf8"));
    return [`the body ${JSON.stringify(other.slice(0, 40))}`, Buffer.from(other)];
  });

function brokenText(random: Random, text: string): string {
  return pick(random, [
    "",
    " ",
    "\n\n",
    text.trimEnd().slice(0, -1),
    text.slice(0, random.below(text.trimEnd().length)),
    `${text}}`,
    `${text}{}`,
    `${text},`,
    `${text}\u0000`,
    `,${text}`,
    `${text} // a comment`,
    `/* */${text}`,
    text.replace("{", '{,"x":1'),
    text.replace("{", '{"x":1,,'),
    text.replace("{", "{x:1,"),
    text.replace("{", "{'x':1,"),
    text.replace("{", '{"x":01,'),
    text.replace("{", '{"x":+1,'),
    text.replace("{", '{"x":.5,'),
    text.replace("{", '{"x":1.,'),
    text.replace("{", '{"x":0x1,'),
    text.replace("{", '{"x":NaN,'),
    text.replace("{", '{"x":-Infinity,'),
    text.replace("{", '{"x":undefined,'),
    text.replace("{", '{"x":True,'),
    text.replace("{", '{"x":"\\x41",'),
    text.replace("{", '{"x":"\\u12",'),
    text.replace("{", '{"x":"\t",'),
    text.replace("{", '{"x"\u00a0:1,'),
    text.replace("{", '{"x":1e,'),
    "[".repeat(200_000),
    '{"a":'.repeat(100_000),
    "null",
    "true",
    "0",
    '"{}"',
    "[]",
    `[${text}]`,
    "undefined",
    "a=b&c=d",
    "<xml/>",
  ]);
}

/** More than a body may have, or a line of one with lines; and as much as that exactly. */
export const largeBody: Break = (random, request) => {
  const { body } = request;
  if (body === undefined || body.length >= BODY_LIMIT || !random.chance(0.15)) return undefined;
  const framed: FuzzRequest = {
    ...request,
    framing: random.chance(0.5) && request.version === " HTTP/1.1" ? "chunked" : "length",
  };
  const over = pick(random, [0, 1, 70_000]);
  const isBefore = random.chance(0.5);
  const enlarge = (text: Uint8Array, at: number) => {
    const blanks = Buffer.alloc(BODY_LIMIT + over - text.length, " ");
    return Buffer.concat([text.subarray(0, at), blanks, text.subarray(at)]);
  };
  /** White space before a line is no part of it: the blanks are within. */
  const enlargeLine = (line: Uint8Array) => enlarge(Buffer.from(Buffer.from(line).toString().trimStart()), 1);
  const large = isByLines(request) ? withLine(random, body, enlargeLine) : enlarge(body, isBefore ? 0 : body.length);
  if (large === undefined) return undefined;
  return over === 0 ? { ...framed, body: large } : withBody(framed, large, "a body over the limit", 413);
};

/** A body that is larger than a body of JSON may be, and whose lines are not. */
export const longLines: Break = (_, request) => {
  const { body } = request;
  if (body === undefined || !isByLines(request)) return undefined;
  const line = Buffer.from(`${" ".repeat(BODY_LIMIT / 4)}\n`);
  return { ...request, body: Buffer.concat([line, line, line, body, Buffer.from("\n"), line, line]) };
};

/** A key on what is worked on while it comes in. */
export const keyOnLines: Break = (random, request) => {
  if (!isByLines(request)) return undefined;
  const key = pick(random, ["key-1", '"key-2"', "", '"']);
  return refused(withHeaders(request, [], `Idempotency-Key: ${key}`), "an idempotency key", 400);
};

/** Standards leave it open whether these are taken. */
export const openBody: Break = (random, request) => {
  const { body } = request;
  if (body === undefined) return undefined;
  const is = (because: string) => ({ is: "either", because }) as const;
  const mark = Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), body]);
  // RFC 8259, 8.1 lets a reader ignore the mark; RFC 9110, 8.4 lets it refuse a coding.
  if (random.chance(0.5)) return { ...request, body: mark, expectation: is("a byte-order mark") };
  return { ...withHeaders(request, [], "Content-Encoding: identity"), expectation: is("the coding identity") };
};
