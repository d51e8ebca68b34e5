import type { Random } from "../random.ts";
import { takesLines } from "./lines.ts";
import { type FuzzRequest, headerName, withHeaders } from "./request.ts";
import { pick } from "./text.ts";

type Respell = (random: Random, request: FuzzRequest) => FuzzRequest;

/** Headers that mean nothing to the service, odd as they are. */
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

/** Ways to write a request that change nothing of what it means. */
const RESPELLINGS: readonly Respell[] = [
  // Characters that need no encoding may have one (RFC 3986, 6.2.2.2).
  (random, request) => {
    if (!request.isAimed || !request.target.startsWith("/api/")) return request;
    const encode = (character: string) =>
      random.chance(0.2)
        ? `%${character.charCodeAt(0).toString(16)[random.chance(0.5) ? "toUpperCase" : "toString"]()}`
        : character;
    const [path = "", ...query] = request.target.split("?");
    const target = [
      path.replace(/(?<!%|%.)[a-z0-9-]/gi, encode),
      ...query.map((part) => part.replace(/(?<!%|%.)[a-z_](?=[^=&]*=)/gi, encode)),
    ];
    return { ...request, target: target.join("?") };
  },
  (random, request) => ({
    ...request,
    headers: request.headers.map((line) => {
      const name = line.slice(0, line.indexOf(":"));
      const value = line.slice(name.length + 1).trim();
      const spelled = pick(random, [name.toLowerCase(), name.toUpperCase(), name]);
      return `${spelled}:${pick(random, ["", " ", "  ", "\t", " \t "])}${value}${pick(random, ["", " ", "\t"])}`;
    }),
  }),
  (random, request) => ({ ...request, headers: request.headers.toSorted(() => random.next() - 0.5) }),
  (random, request) => withHeaders(request, [], pick(random, ODD_HEADERS)),
  (random, request) =>
    withHeaders(request, [], ...Array.from({ length: 100 }, () => `X-${random.below(1_000)}: ${random.next()}`)),
  (random, request) => withHeaders(request, ["x-request-id"], `X-Request-Id: ${pick(random, REQUEST_IDS)}`),
  (random, request) =>
    request.headers.some((line) => headerName(line) === "content-type")
      ? withHeaders(
          request,
          ["content-type"],
          `Content-Type: ${pick(random, takesLines(request.operation.operation) ? NDJSON_TYPES : JSON_TYPES)}`,
        )
      : request,
  // What the operation takes is taken for granted.
  (_, request) => (request.framing === "length" ? withHeaders(request, ["content-type"]) : request),
  (_, request) =>
    request.body !== undefined && request.framing === "length" && request.version === " HTTP/1.1"
      ? { ...request, framing: "chunked" }
      : request,
  (_, request) => (request.body !== undefined ? withHeaders(request, ["expect"], "Expect: 100-continue") : request),
  (random, request) =>
    request.target.startsWith("/")
      ? {
          ...request,
          target: `${pick(random, ["http://localhost", "HTTP://other:1", "https://[::1]:8000"])}${request.target}`,
        }
      : request,
  (_, request) => (request.framing === "length" ? { ...request, version: " HTTP/1.0" } : request),
  // A body where none belongs is not looked at.
  (random, request) =>
    request.body === undefined && request.framing === "length"
      ? withHeaders(
          { ...request, body: Buffer.from(pick(random, ["{}", "x", '{"id":1}'])) },
          [],
          "Content-Type: text/plain",
        )
      : request,
];

/** Some are the caller's own, which are answered as they came; the others are replaced. */
const REQUEST_IDS: readonly string[] = [
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

/** The request written in other ways, with the same expectation. */
export function respell(random: Random, request: FuzzRequest): FuzzRequest {
  let respelled = request;
  while (random.chance(0.45)) respelled = pick(random, RESPELLINGS)(random, respelled);
  return respelled;
}
