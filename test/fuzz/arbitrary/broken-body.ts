import { gzipSync } from "node:zlib";
import type fc from "fast-check";
import { linesOf, NDJSON, takesLines } from "../lines.ts";
import { BODY_LIMIT, type FuzzRequest, withHeaders } from "../request.ts";
import { type Change, change, refused } from "./broken-head.ts";

/** Whether the body has one JSON text a line, so that breaking a JSON text means breaking one of the lines. */
const isByLines = ({ operation }: FuzzRequest): boolean => takesLines(operation.operation);

const NO_TYPES =
  "text/plain|text/json|application/xml|application/x-www-form-urlencoded|multipart/form-data; boundary=x|application/merge-patch+json|application/problem+json|application/jsonp|application/ json|application|json|*/*|\xff";
const NO_CHARSETS = '; charset=utf-16|; charset=iso-8859-1|;charset="latin1"|; charset=|; charset=utf-7; charset=utf-8';

/** Media types and charsets other than the body's. */
export const brokenMediaType = change(
  (request) => {
    if (request.body === undefined) return [];
    const [own, other] = isByLines(request) ? [NDJSON, "application/json"] : ["application/json", NDJSON];
    return [other, ...NO_TYPES.split("|"), ...NO_CHARSETS.split("|").map((charset) => own + charset)];
  },
  (request, type) =>
    refused(withHeaders(request, ["content-type"], `Content-Type: ${type}`), `the media type ${type}`, 415),
);

function withBody(request: FuzzRequest, body: Uint8Array, because: string, ...statuses: number[]): FuzzRequest {
  return refused({ ...request, body, json: undefined }, because, ...statuses);
}

/** A JSON text in a body, and its position. */
interface Place {
  readonly from: number;
  readonly to: number;
  readonly text: Buffer;
}

/** The position of the body's JSON text, or of one of its lines; none without a body. */
function placesOf(request: FuzzRequest, number: number): readonly Place[] {
  const { body } = request;
  if (body === undefined) return [];
  const lines = isByLines(request) ? linesOf(body) : [[0, body.length] as const];
  const [from, to] = lines[number % lines.length] ?? [];
  if (from === undefined || to === undefined) return [];
  return [{ from, to, text: Buffer.from(Buffer.from(body.subarray(from, to)).toString("utf8").trim()) }];
}

function put({ body = Buffer.of() }: FuzzRequest, { from, to }: Place, text: Uint8Array): Buffer {
  return Buffer.concat([body.subarray(0, from), text, body.subarray(to)]);
}

/** Replaces a JSON text with one that must be rejected. */
function brokenText(
  choices: (text: Buffer, number: number) => readonly (readonly [because: string, text: Uint8Array])[],
): fc.Arbitrary<Change> {
  return change(
    (request, number) =>
      placesOf(request, number).flatMap((place) => choices(place.text, number).map((made) => ({ place, made }))),
    (request, { place, made: [because, text] }) =>
      // A blank line is skipped, and is no error.
      isByLines(request) && linesOf(text).length === 0
        ? undefined
        : withBody(request, put(request, place, text), because, 400),
  );
}

/** The same JSON in an encoding other than UTF-8. */
export const brokenEncoding = brokenText((json) => {
  const utf16 = Buffer.from(json.toString("utf8"), "utf16le");
  const swapped = Buffer.from(utf16).swap16();
  const inText = (...bytes: number[]) =>
    Buffer.concat([Buffer.from('{"x":"'), Buffer.from(bytes), Buffer.from('",'), json.subarray(1)]);
  return [
    ["UTF-16LE", utf16],
    ["UTF-16LE with a byte-order mark", Buffer.concat([Buffer.of(0xff, 0xfe), utf16])],
    ["UTF-16BE", swapped],
    ["UTF-16BE with a byte-order mark", Buffer.concat([Buffer.of(0xfe, 0xff), swapped])],
    ["Latin-1", inText(0xe9)],
    ["a UTF-8 sequence that ends too early", inText(0xf0, 0x9f, 0x98)],
    ["an overlong sequence", inText(0xc0, 0x80)],
    ["a surrogate in UTF-8", inText(0xed, 0xa0, 0x80)],
    ["a code point beyond Unicode", inText(0xf4, 0x90, 0x80, 0x80)],
    ["a NUL byte", inText(0)],
    ["a line break within text", inText(10)],
  ];
});

/** A compressed body; the document does not offer compression. */
export const compressedBody = change(
  ({ body }) =>
    body === undefined
      ? []
      : [[], ...["gzip", "x-gzip", "br", "deflate"].map((coding) => [`Content-Encoding: ${coding}`])],
  (request, headers) =>
    withBody(withHeaders(request, [], ...headers), gzipSync(request.body ?? ""), "a compressed body", 400, 415),
);

const NO_MEMBERS =
  ',"x":1|"x":1,,|x:1,|\'x\':1,|"x":01,|"x":+1,|"x":.5,|"x":1.,|"x":0x1,|"x":NaN,|"x":-Infinity,|"x":undefined,|"x":True,|"x":"\\x41",|"x":"\\u12",|"x":"\t",|"x"\u00a0:1,|"x":1e,';

/** Valid UTF-8 that is not JSON, or not a JSON object. */
export const brokenJson = brokenText((json, number) => {
  const text = json.toString("utf8");
  const texts = [
    ...["", " ", "\n\n", text.slice(0, -1), text.slice(0, number % text.length)],
    ...[`,${text}`, `/* */${text}`, `[${text}]`, "[".repeat(200_000), '{"a":'.repeat(100_000)],
    ...["}", "{}", ",", "\u0000", " // a comment"].map((more) => text + more),
    ...NO_MEMBERS.split("|").map((member) => text.replace("{", `{${member}`)),
    ...["null", "true", "0", '"{}"', "[]", "undefined", "a=b&c=d", "<xml/>"],
  ];
  return texts.map((other) => [`the body ${JSON.stringify(other.slice(0, 40))}`, Buffer.from(other)]);
});

/** A body (or a line of an NDJSON body) over the limit, or exactly at it. */
export const largeBody = change(
  (request, number) => {
    if ((request.body?.length ?? 0) >= BODY_LIMIT) return [];
    const framings = request.version === " HTTP/1.1" ? (["length", "chunked"] as const) : (["length"] as const);
    return placesOf(request, number).flatMap((place) =>
      [0, 1, 70_000].flatMap((over) => framings.map((framing) => ({ place, over, framing, number }))),
    );
  },
  (request, { place, over, framing, number }) => {
    const { text } = place;
    // White space before a line does not count towards its length, so the padding goes inside.
    const at = isByLines(request) ? 1 : number % 2 === 0 ? 0 : text.length;
    const blanks = Buffer.alloc(BODY_LIMIT + over - text.length, " ");
    const body = put(request, place, Buffer.concat([text.subarray(0, at), blanks, text.subarray(at)]));
    return over === 0
      ? { ...request, framing, body }
      : withBody({ ...request, framing }, body, "a body over the limit", 413);
  },
);

/** An NDJSON body over the limit for a JSON body, whose lines are within it. */
export const longLines = change(
  (request) => (request.body === undefined || !isByLines(request) ? [] : [request.body]),
  (request, body) => {
    const line = Buffer.from(`${" ".repeat(BODY_LIMIT / 4)}\n`);
    return { ...request, body: Buffer.concat([line, line, line, body, Buffer.from("\n"), line, line]) };
  },
);

/** An idempotency key on an import, which does not support one. */
export const keyOnLines = change(
  (request) => (isByLines(request) ? ["key-1", '"key-2"', "", '"'] : []),
  (request, key) => refused(withHeaders(request, [], `Idempotency-Key: ${key}`), "an idempotency key", 400),
);

/** The standards permit either response: RFC 8259, 8.1 for a byte-order mark, RFC 9110, 8.4 for a coding. */
export const openBody = change(
  ({ body }): Partial<FuzzRequest>[] => {
    if (body === undefined) return [];
    const is = (because: string) => ({ is: "either", because }) as const;
    return [
      { body: Buffer.concat([Buffer.of(0xef, 0xbb, 0xbf), body]), expectation: is("a byte-order mark") },
      { headers: ["Content-Encoding: identity"], expectation: is("the coding identity") },
    ];
  },
  (request, { headers = [], ...others }) => ({ ...withHeaders(request, [], ...headers), ...others }),
);
