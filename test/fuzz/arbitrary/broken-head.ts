import fc from "fast-check";
import { type FuzzRequest, headerName, isKeyed, withHeaders } from "../request.ts";

/** Derives another request; `undefined` if this change does not apply to it. */
export type Change = (request: FuzzRequest) => FuzzRequest | undefined;

/** Picks one of the choices that a request offers, and applies `change`. `number` is for picking within a choice. */
export function change<Choice>(
  choices: (request: FuzzRequest, number: number) => readonly Choice[],
  change: (request: FuzzRequest, choice: Choice) => FuzzRequest | undefined,
): fc.Arbitrary<Change> {
  return fc.tuple(fc.noBias(fc.nat()), fc.noBias(fc.nat())).map(([index, number]) => (request) => {
    const all = choices(request, number);
    const choice = all[index % all.length];
    return choice === undefined ? undefined : change(request, choice);
  });
}

export function refused(request: FuzzRequest, because: string, ...statuses: number[]): FuzzRequest {
  return { ...request, expectation: { is: "refused", statuses, because } };
}

/** The same, if the response belongs to no documented operation. */
export function refusedPast(request: FuzzRequest, because: string, ...statuses: number[]): FuzzRequest {
  return { ...refused(request, because, ...statuses), isAimed: false };
}

const KEY = "x-flux-service-key";

function keyOf(request: FuzzRequest): string | undefined {
  const line = request.headers.find((header) => headerName(header) === KEY);
  return line?.slice(line.indexOf(":") + 1).trim();
}

/** Wrong keys: changed by a letter, repeated, missing. */
export const brokenKey = change(
  (request): string[][] => {
    const key = keyOf(request);
    if (key === undefined) return [];
    const line = (text: string) => `X-Flux-Service-Key: ${text}`;
    const other = ["", key.slice(1), `${key}x`, key.toUpperCase(), `${key}, ${key}`, `"${key}"`];
    return [
      [],
      ...[...other, encodeURIComponent(`${key}\u0000`), "\xff".repeat(30), "k".repeat(9_000)].map((text) => [
        line(text),
      ]),
      [line(key), line(key)],
      [line("wrong"), line(key)],
      [`X-Flux_Service_Key: ${key}`],
      [`Authorization: Bearer ${key}`],
    ];
  },
  (request, lines) => refused(withHeaders(request, [KEY], ...lines), "a wrong key", 403),
);

const METHODS =
  "GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|TRACE|PROPFIND|MKCOL|M-SEARCH|PURGE|SEARCH|LINK|LOCK|REPORT|SUBSCRIBE";
const NO_METHODS = ["get", "Post", "FOO", "GE", "GETT", "G\x00T", "(GET)", "PRI", "\xffGET", "SOURCEX", "*"];

/** Unknown methods. */
export const oddMethod = change(
  () => NO_METHODS,
  (request, method) => refusedPast({ ...request, method }, "no method", 400),
);

/** Methods that the path does not support; and HEAD, which every path with GET supports. */
export const otherMethod = (documented: (path: string) => ReadonlySet<string>): fc.Arbitrary<Change> =>
  change(
    ({ operation }) => METHODS.split("|").filter((method) => !documented(operation.path).has(method)),
    (request, method) => {
      if (method !== "HEAD" || !documented(request.operation.path).has("GET")) {
        return refusedPast({ ...request, method }, "a method that the path does not have", 405);
      }
      return request.method === "GET" ? { ...request, method } : undefined;
    },
  );

/** Paths close to the documented ones. */
export const brokenPath = change(
  (request): [path: string, ...statuses: number[]][] => {
    if (keyOf(request) === undefined) return [];
    const [path = ""] = request.target.replace(/\/(?=\?|$)/, "").split("?");
    const unknown = ["//v1/", "/V1/", "/v1%2f", "/v1/./", "/v1/../v1/", "/v2/", "/__proto__/", "/constructor/"];
    return [
      ...unknown.map((version): [string, number] => [path.replace("/v1/", version), 404]),
      ...[`${path}/more/more`, `/${path}`, `${path}//`, `${path}/more/%00`].map((other): [string, number] => [
        other,
        404,
      ]),
      ...[`${path}/%ff`, `${path}/%`, `${path}/%c0%ae`, `${path}/%zz`].map((other): [string, number] => [other, 400]),
      ...["/api", "/api/v1", "/%2e%2e/%2e%2e/etc/passwd"].map((other): [string, number] => [other, 404]),
      ...[`/${"a".repeat(3_000)}`, `/${"a/".repeat(1_500)}`].map((other): [string, number] => [other, 404]),
      ["*", 404, 400],
    ];
  },
  (request, [path, ...statuses]) => {
    const query = /\?.*/s.exec(request.target)?.[0] ?? "";
    return refusedPast({ ...request, target: path + query }, `the path ${path.slice(0, 80)}`, ...statuses);
  },
);

const QUERIES =
  "unknown=1|__proto__=1|constructor=1|page=1&page=1|Page=1|page[]=1|=1|%ff=1|x=%|x=%c3%28|page=%00|page=1;skip=2|%20page=1|page+=1|?page=1|user_id|limit=0x10".split(
    "|",
  );

/** Query strings that no operation supports. */
export const brokenQuery = change(
  (request) => (keyOf(request) === undefined ? [] : [...QUERIES, "a".repeat(5_000), "a&".repeat(1_000)]),
  (request, more) => {
    const target = `${request.target}${request.target.includes("?") ? "&" : "?"}${more}`;
    return refused({ ...request, target }, `the query ${more.slice(0, 40)}`, 400);
  },
);

/** Duplicates of headers that may occur once. If both have the same value, or the header is ignored, either response is right. */
export const doubleHeader = change(
  (request) => [
    "Host: other",
    "X-Request-Id: once",
    ...(request.body === undefined ? [] : ["Content-Type: text/plain", "Content-Type: application/json"]),
    ...(isKeyed(request) ? ["Idempotency-Key: other"] : []),
  ],
  (request, line) => {
    const double = withHeaders(request, [], line);
    if (line.startsWith("Host")) return refusedPast(double, "two hosts", 400);
    if (line.startsWith("Idem")) return refused(double, "two keys", 400);
    return { ...double, expectation: { is: "either", because: `${line} once more` } };
  },
);

/** Request lines and headers that are not valid HTTP, or too large. */
export const brokenHead = change(
  (request): FuzzRequest[] => {
    const withLine = (line: string) => withHeaders(request, [], line);
    const hostless = request.headers.filter((line) => headerName(line) !== "host");
    const versions = ["", " HTTP/2.0", " HTTP/1.2", " HTTP/x", " http/1.1", " HTTP/11"];
    const expectations = keyOf(request) === undefined ? [] : ["Expect: 200-ok", "Expect: 100-continue, x"];
    return [
      ...versions.map((version) => refusedPast({ ...request, version }, "the version", 400)),
      refusedPast({ ...request, target: `${request.target} x` }, "a blank in the target", 400),
      refusedPast({ ...request, target: `${request.target}\x01` }, "a control character in the target", 400),
      refusedPast({ ...request, target: "" }, "no target", 400),
      refusedPast({ ...request, target: `/${"x".repeat(20_000)}` }, "a long target", 431),
      refusedPast(withLine(`X-Large: ${"x".repeat(20_000)}`), "a long header", 431),
      refusedPast(withHeaders(request, [], ...MANY_HEADERS), "many headers", 431),
      refusedPast(withLine("no colon"), "a header without a colon", 400),
      refusedPast(withLine(": no name"), "a header without a name", 400),
      refusedPast(withLine("X Y: blank"), "a blank in a header's name", 400),
      refusedPast(withLine("X-\xff: x"), "an invalid character in a header's name", 400),
      refusedPast(withLine("X-Nul: a\x00b"), "NUL in a header", 400),
      refusedPast(withLine("X-Cr: a\rb"), "CR in a header", 400),
      refusedPast({ ...request, headers: hostless }, "no Host", 400),
      ...expectations.map((line) => refused(withLine(line), `the header ${line}`, 400)),
    ];
  },
  (_, broken) => broken,
);

const MANY_HEADERS = Array.from({ length: 2_500 }, (_, index) => `X-${index}: y`);
