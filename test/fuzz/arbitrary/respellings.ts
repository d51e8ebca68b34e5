import fc from "fast-check";
import { takesLines } from "../lines.ts";
import { type FuzzRequest, headerName, withHeaders } from "../request.ts";

type Respelling = (request: FuzzRequest) => FuzzRequest;

/** Headers that the service ignores, however odd. */
const ODD_HEADERS: readonly string[] = [
  "Accept: text/html;q=0.1, */*;q=0",
  "Accept: ",
  "Accept-Encoding: br, gzip;q=0",
  "Accept-Language: \xff\xfe",
  "Authorization: Basic Og==",
  "Cache-Control: only-if-cached",
  "Cookie: __proto__=x; a=b; ;",
  "Constructor: x",
  "__proto__: x",
  "prototype: x",
  "Content-Language: tlh",
  "Forwarded: for=unknown;proto=gopher",
  "If-Modified-Since: yesterday",
  "Max-Forwards: -1",
  "Origin: null",
  "Range: bytes=0-0",
  "Referer: :",
  "TE: trailers",
  "Upgrade: h2c",
  "Upgrade-Insecure-Requests: 1",
  "User-Agent: ",
  "Via: 1.1 a, 1.1 b",
  "X-Empty:",
  "X-Forwarded-For: ::1, unknown, '",
  "X-HTTP-Method-Override: DELETE",
  "X-Original-URL: /health",
  "X-Flux-Service-Key-: x",
  `X-Long: ${"x".repeat(6_000)}`,
  "X-Tab:\ta\tb\t",
  "!#$%&'*+-.^_`|~: x",
];

const JSON_TYPES: readonly string[] = [
  "application/json",
  "APPLICATION/JSON",
  "application/json;charset=utf-8",
  "application/json; charset=UTF-8",
  'application/json ; charset="utf-8"',
  "application/json; charset=utf8; a=b",
  "application/json;",
  "application/json; version=1",
];

const NDJSON_TYPES: readonly string[] = [
  "application/x-ndjson",
  "APPLICATION/X-NDJSON",
  "application/ndjson",
  "application/x-ndjson;charset=utf-8",
  'application/ndjson ; charset="UTF-8"',
  "application/x-ndjson;",
  "application/x-ndjson; version=1",
];

/** Some are valid request ids, which are returned unchanged; the others are replaced. */
const REQUEST_IDS = [
  "a",
  "caller-id-1",
  "x".repeat(200),
  "!~'\"\\%00;--",
  "x".repeat(201),
  "with blank",
  "\xe9",
  "",
  "\t",
];

/** Percent-encodes characters that need no encoding (RFC 3986, 6.2.2.2). */
const percentEncoded = fc.tuple(fc.integer({ min: 1, max: 9 }), fc.boolean()).map(([nth, isUpper]): Respelling => {
  return (request) => {
    if (!request.isAimed || !request.target.startsWith("/api/")) return request;
    let count = 0;
    const encode = (character: string) => {
      const hex = character.charCodeAt(0).toString(16);
      return ++count % nth === 0 ? `%${isUpper ? hex.toUpperCase() : hex}` : character;
    };
    const [path = "", ...query] = request.target.split("?");
    const parts = query.map((part) => part.replace(/(?<!%|%.)[a-z_](?=[^=&]*=)/gi, encode));
    return { ...request, target: [path.replace(/(?<!%|%.)[a-z0-9-]/gi, encode), ...parts].join("?") };
  };
});

const headerSpelling = fc
  .tuple(
    fc.constantFrom(
      (name: string) => name.toLowerCase(),
      (name: string) => name.toUpperCase(),
      (name: string) => name,
    ),
    fc.constantFrom("", " ", "  ", "\t", " \t "),
    fc.constantFrom("", " ", "\t"),
  )
  .map(
    ([spell, before, after]): Respelling =>
      (request) => ({
        ...request,
        headers: request.headers.map((line) => {
          const name = line.slice(0, line.indexOf(":"));
          return `${spell(name)}:${before}${line.slice(name.length + 1).trim()}${after}`;
        }),
      }),
  );

/** Adds one ignored header, a hundred of them, or a request id. */
const moreHeaders = fc.oneof(
  fc.constantFrom(...ODD_HEADERS).map((line) => [line]),
  fc
    .nat({ max: 999 })
    .map((step) => Array.from({ length: 100 }, (_, index) => `X-${(index * step) % 1_000}: ${index}`)),
);
const mediaType = fc.nat().map(
  (index): Respelling =>
    (request) => {
      const types = takesLines(request.operation.operation) ? NDJSON_TYPES : JSON_TYPES;
      const isTyped = request.headers.some((line) => headerName(line) === "content-type");
      return isTyped ? withHeaders(request, ["content-type"], `Content-Type: ${types[index % types.length]}`) : request;
    },
);

const isPlain = ({ framing, version }: FuzzRequest) => framing === "length" && version === " HTTP/1.1";

/** Ways to write a request that do not change its meaning. */
const RESPELLINGS: readonly fc.Arbitrary<Respelling>[] = [
  percentEncoded,
  headerSpelling,
  mediaType,
  fc.nat({ max: 9 }).map((first) => (request) => {
    const { headers } = request;
    return { ...request, headers: [...headers.slice(first), ...headers.slice(0, first)].toReversed() };
  }),
  moreHeaders.map((lines) => (request) => withHeaders(request, [], ...lines)),
  fc
    .constantFrom(...REQUEST_IDS)
    .map((id) => (request) => withHeaders(request, ["x-request-id"], `X-Request-Id: ${id}`)),
  fc.constantFrom("http://localhost", "HTTP://other:1", "https://[::1]:8000").map((origin) => (request) => ({
    ...request,
    target: request.target.startsWith("/") ? origin + request.target : request.target,
  })),
  // A body of an operation that takes none is ignored.
  fc.constantFrom("{}", "x", '{"id":1}').map((text) => (request) => {
    if (request.body !== undefined || request.framing !== "length") return request;
    return withHeaders({ ...request, body: Buffer.from(text) }, [], "Content-Type: text/plain");
  }),
  ...[
    // A missing Content-Type means the one that the operation accepts.
    (request: FuzzRequest) => (request.framing === "length" ? withHeaders(request, ["content-type"]) : request),
    (request: FuzzRequest): FuzzRequest =>
      request.framing === "length" ? { ...request, version: " HTTP/1.0" } : request,
    (request: FuzzRequest): FuzzRequest =>
      request.body !== undefined && isPlain(request) ? { ...request, framing: "chunked" } : request,
    (request: FuzzRequest) =>
      request.body === undefined ? request : withHeaders(request, ["expect"], "Expect: 100-continue"),
  ].map((respell) => fc.constant(respell)),
];

/** Other ways to write a request, with the same expectation. */
export const respelling: fc.Arbitrary<Respelling> = fc
  .array(fc.oneof(...RESPELLINGS), { maxLength: 2 })
  .map((respellings) => (request) => respellings.reduce((respelled, respell) => respell(respelled), request));
