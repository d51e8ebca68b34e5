import { gzipSync } from "node:zlib";
import { type Break, refused } from "./broken-head.ts";
import { BODY_LIMIT, type FuzzRequest, withHeaders } from "./request.ts";
import { pick } from "./text.ts";

/** Media types and charsets that are not JSON's. */
export const brokenMediaType: Break = (random, request) => {
  if (request.body === undefined) return undefined;
  const type = pick(random, [
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
    "application/json; charset=utf-16",
    "application/json; charset=iso-8859-1",
    'application/json;charset="latin1"',
    "application/json; charset=",
    "application/json; charset=utf-7; charset=utf-8",
  ]);
  return refused(withHeaders(request, ["content-type"], `Content-Type: ${type}`), `the media type ${type}`, 415);
};

function withBody(request: FuzzRequest, body: Uint8Array, because: string, ...statuses: number[]): FuzzRequest {
  return refused({ ...request, body, json: undefined }, because, ...(statuses.length === 0 ? [400] : statuses));
}

/** The same JSON in bytes that are not UTF-8. */
export const brokenEncoding: Break = (random, request) => {
  const { body } = request;
  if (body === undefined) return undefined;
  const text = Buffer.from(body).toString("utf8");
  const utf16 = Buffer.from(text, "utf16le");
  const inText = (bytes: readonly number[]) =>
    Buffer.concat([Buffer.from('{"x":"'), Buffer.from(bytes), Buffer.from('",'), Buffer.from(text).subarray(1)]);
  const [because, bytes] = pick<[string, Uint8Array]>(random, [
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
  return withBody(request, bytes, because);
};

/** A body that is compressed, which the document does not offer. */
export const compressedBody: Break = (random, request) => {
  if (request.body === undefined) return undefined;
  const isSaid = random.chance(0.7);
  const headers = isSaid ? [`Content-Encoding: ${pick(random, ["gzip", "x-gzip", "br", "deflate"])}`] : [];
  return withBody(withHeaders(request, [], ...headers), gzipSync(request.body), "a compressed body", 400, 415);
};

/** Bytes that are UTF-8, and no JSON. */
export const brokenJson: Break = (random, request) => {
  if (request.body === undefined) return undefined;
  const text = Buffer.from(request.body).toString("utf8");
  const other = pick(random, [
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
  return withBody(request, Buffer.from(other), `the body ${JSON.stringify(other.slice(0, 40))}`);
};

/** More than a body may have; and as much as that exactly. */
export const largeBody: Break = (random, request) => {
  const { body } = request;
  if (body === undefined || body.length >= BODY_LIMIT || !random.chance(0.15)) return undefined;
  const framed: FuzzRequest = {
    ...request,
    framing: random.chance(0.5) && request.version === " HTTP/1.1" ? "chunked" : "length",
  };
  const over = pick(random, [0, 1, 70_000]);
  const blanks = Buffer.alloc(BODY_LIMIT + over - body.length, " ");
  const large = Buffer.concat(random.chance(0.5) ? [body, blanks] : [blanks, body]);
  return over === 0 ? { ...framed, body: large } : withBody(framed, large, "a body over the limit", 413);
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
