import type { Random } from "../random.ts";
import { type FuzzRequest, headerName, isKeyed, withHeaders } from "./request.ts";
import { pick } from "./text.ts";

/** Breaks a request that is right; `undefined` where it has nothing to break in this way. */
export type Break = (random: Random, request: FuzzRequest) => FuzzRequest | undefined;

export function refused(request: FuzzRequest, because: string, ...statuses: number[]): FuzzRequest {
  return { ...request, expectation: { is: "refused", statuses, because } };
}

/** The same, of an answer that is documented for no operation. */
export function refusedPast(request: FuzzRequest, because: string, ...statuses: number[]): FuzzRequest {
  return { ...refused(request, because, ...statuses), isAimed: false };
}

const KEY = "x-flux-service-key";

function keyOf(request: FuzzRequest): string | undefined {
  const line = request.headers.find((header) => headerName(header) === KEY);
  return line?.slice(line.indexOf(":") + 1).trim();
}

/** Wrong keys: one letter off, twice, none. */
export const brokenKey: Break = (random, request) => {
  const key = keyOf(request);
  if (key === undefined) return undefined;
  const line = (text: string) => `X-Flux-Service-Key: ${text}`;
  const lines = pick(random, [
    [],
    [line("")],
    [line(key.slice(1))],
    [line(`${key}x`)],
    [line(key.toUpperCase())],
    [line(key), line(key)],
    [line(`${key}, ${key}`)],
    [line("wrong"), line(key)],
    [line(`"${key}"`)],
    [line(encodeURIComponent(`${key}\u0000`))],
    [line("\xff".repeat(30))],
    [line("k".repeat(9_000))],
    [`X-Flux_Service_Key: ${key}`],
    [`Authorization: Bearer ${key}`],
  ]);
  return refused(withHeaders(request, [KEY], ...lines), "a wrong key", 403);
};

const METHODS =
  "GET HEAD POST PUT PATCH DELETE OPTIONS TRACE PROPFIND MKCOL M-SEARCH PURGE SEARCH LINK LOCK REPORT SUBSCRIBE".split(
    " ",
  );

/** Methods that the path does not answer, and such as nobody knows. */
export function brokenMethod(documented: ReadonlySet<string>): Break {
  return (random, request) => {
    const method = pick(random, METHODS);
    const isHead = method === "HEAD" && documented.has("GET");
    if (random.chance(0.3)) {
      const odd = pick(random, [
        "get",
        "Post",
        "FOO",
        "GE",
        "GETT",
        "G\x00T",
        "(GET)",
        "PRI",
        "\xffGET",
        "SOURCEX",
        "*",
      ]);
      return refusedPast({ ...request, method: odd }, "no method", 400);
    }
    if (documented.has(method)) return undefined;
    if (!isHead) return refusedPast({ ...request, method }, "a method that the path does not answer", 405);
    return request.method === "GET" ? { ...request, method } : undefined;
  };
}

/** Paths beside the documented ones. */
export const brokenPath: Break = (random, request) => {
  if (keyOf(request) === undefined) return undefined;
  const [path = "", query] = request.target.replace(/\/(?=\?|$)/, "").split("?");
  const rest = query === undefined ? "" : `?${query}`;
  const [other, ...statuses] = pick<[string, ...number[]]>(random, [
    [`${path}/more/more`, 404],
    [`/${path}`, 404],
    [`${path}//`, 404],
    [path.replace("/v1/", "//v1/"), 404],
    [path.replace("/v1/", "/V1/"), 404],
    [path.replace("/v1/", "/v1%2f"), 404],
    [path.replace("/v1/", "/v1/./"), 404],
    [path.replace("/v1/", "/v1/../v1/"), 404],
    [path.replace("/v1/", "/v2/"), 404],
    [path.replace("/v1/", "/__proto__/"), 404],
    [path.replace("/v1/", "/constructor/"), 404],
    ["/", 404],
    ["/api/v1", 404],
    [`${path}/%ff`, 400],
    [`${path}/%`, 400],
    [`${path}/%c0%ae`, 400],
    [`${path}/%zz`, 400],
    [`${path}/more/%00`, 404],
    ["*", 404, 400],
    ["/%2e%2e/%2e%2e/etc/passwd", 404],
    [`/${"a".repeat(3_000)}`, 404],
    [`/${"a/".repeat(1_500)}`, 404],
  ]);
  return refusedPast({ ...request, target: other + rest }, `the path ${other.slice(0, 80)}`, ...statuses);
};

/** Query strings that no operation has. */
export const brokenQuery: Break = (random, request) => {
  if (keyOf(request) === undefined) return undefined;
  const more = pick(random, [
    "unknown=1",
    "__proto__=1",
    "constructor=1",
    "page=1&page=1",
    "Page=1",
    "page[]=1",
    "=1",
    "%ff=1",
    "x=%",
    "x=%c3%28",
    "page=%00",
    "page=1;skip=2",
    "%20page=1",
    "page+=1",
    "?page=1",
    "user_id",
    "limit=0x10",
    "a".repeat(5_000),
    "a&".repeat(1_000),
  ]);
  const mark = request.target.includes("?") ? "&" : "?";
  return refused({ ...request, target: `${request.target}${mark}${more}` }, `the query ${more.slice(0, 40)}`, 400);
};

/** Headers twice of which there can be one. Where both say the same, or nobody looks, either answer is right. */
export const doubleHeader: Break = (random, request) => {
  const either = (line: string): FuzzRequest => ({
    ...withHeaders(request, [], line),
    expectation: { is: "either", because: `${line} once more` },
  });
  const options = [
    () => refusedPast(withHeaders(request, [], "Host: other"), "two hosts", 400),
    () => (request.body === undefined ? undefined : either("Content-Type: text/plain")),
    () => (request.body === undefined ? undefined : either("Content-Type: application/json")),
    () => either("X-Request-Id: once"),
    () => (isKeyed(request) ? refused(withHeaders(request, [], "Idempotency-Key: other"), "two keys", 400) : undefined),
  ];
  return pick(random, options)();
};

/** Request lines and headers that are no HTTP, or more of it than is taken. */
export const brokenHead: Break = (random, request) => {
  const { target } = request;
  const head = (line: string) => withHeaders(request, [], line);
  const isOfHost = (line: string) => headerName(line) === "host";
  const options: readonly (() => FuzzRequest)[] = [
    () =>
      refusedPast(
        { ...request, version: pick(random, ["", " HTTP/2.0", " HTTP/1.2", " HTTP/x", " http/1.1", " HTTP/11"]) },
        "the version",
        400,
      ),
    () => refusedPast({ ...request, target: `${target} x` }, "a blank in the target", 400),
    () => refusedPast({ ...request, target: `${target}\x01` }, "a control character in the target", 400),
    () => refusedPast({ ...request, target: "" }, "no target", 400),
    () => refusedPast({ ...request, target: `/${"x".repeat(20_000)}` }, "a long target", 431),
    () => refusedPast(head(`X-Large: ${"x".repeat(20_000)}`), "a long header", 431),
    () =>
      refusedPast(
        withHeaders(request, [], ...Array.from({ length: 2_500 }, (_, i) => `X-${i}: y`)),
        "many headers",
        431,
      ),
    () => refusedPast(head("no colon"), "a header without a colon", 400),
    () => refusedPast(head(": no name"), "a header without a name", 400),
    () => refusedPast(head("X Y: blank"), "a blank in a header's name", 400),
    () => refusedPast(head("X-\xff: x"), "a letter in a header's name that is none", 400),
    () => refusedPast(head("X-Nul: a\x00b"), "NUL in a header", 400),
    () => refusedPast(head("X-Cr: a\rb"), "CR in a header", 400),
    () => refusedPast({ ...request, headers: request.headers.filter((line) => !isOfHost(line)) }, "no Host", 400),
    () => refused(head("Expect: 200-ok"), "an expectation that there is none of", 400),
    () => refused(head("Expect: 100-continue, x"), "two expectations", 400),
  ];
  const broken = pick(random, options)();
  if (broken.expectation.because.includes("expectation") && keyOf(request) === undefined) return undefined;
  return broken;
};
