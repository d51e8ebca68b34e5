import { describe, expect, test } from "vitest";
import { requestHead, sendRaw } from "../rest/raw-socket.ts";
import { unknownId } from "../rest/rows.ts";
import { KEYS, useRestServer } from "../rest/server.ts";

const server = useRestServer();
const key = `X-Flux-Service-Key: ${KEYS.scheduler}`;

const PAGES = ["/docs", "/docs/", "/redoc", "/redoc/", "/explore"];
const FILES = [
  "/docs/initialize.js",
  "/docs/swagger-ui.css",
  "/docs/swagger-ui-bundle.js",
  "/redoc/initialize.js",
  "/redoc/redoc.standalone.js",
  "/explore/explore.css",
  "/openapi.json",
];

describe("the pages have headers that restrict browsers to what they need", () => {
  test.each(PAGES)(
    "%s runs only the service's own scripts, in no frame, and sends nothing to other hosts",
    async (path) => {
      const { headers } = await fetch(server.baseUrl + path);
      const policy = new Map(
        (headers.get("content-security-policy") ?? "").split("; ").map((directive): [string, string] => {
          const [name = "", ...sources] = directive.split(" ");
          return [name, sources.join(" ")];
        }),
      );
      expect(Object.fromEntries(policy)).toMatchObject({
        "default-src": "'none'",
        "script-src": "'self'",
        "connect-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
      });
      expect(headers.get("content-security-policy")).not.toMatch(/unsafe-eval|https?:|\*/);
      // Inline styles are permitted, but for our own page; inline scripts are not.
      const inline = [...policy].filter(([, sources]) => sources.includes("unsafe-inline")).map(([name]) => name);
      expect(inline).toEqual(path === "/explore" ? [] : ["style-src"]);
    },
  );

  test.each([...PAGES, ...FILES, "/"])("%s", async (path) => {
    const { headers } = await fetch(server.baseUrl + path, { headers: { Accept: "text/html" } });
    const found = Object.fromEntries(headers);
    expect(found).toMatchObject({
      "x-content-type-options": "nosniff",
      "x-frame-options": "DENY",
      "referrer-policy": "no-referrer",
      "cross-origin-opener-policy": "same-origin",
      "cross-origin-resource-policy": "same-origin",
    });
    expectNoHost(found);
  });
});

describe("every response of the API forbids type sniffing and caching", () => {
  test.each<readonly [what: string, bytes: string, status: number]>([
    ["a list", requestHead("GET", "/api/v1/users/", key), 200],
    ["a HEAD", requestHead("HEAD", "/api/v1/users/", key), 200],
    ["no such row", requestHead("GET", `/api/v1/users/${unknownId()}`, key), 404],
    ["no key", requestHead("GET", "/api/v1/users/"), 403],
    ["no such path", requestHead("GET", "/nothing", key), 404],
    ["an unsupported method", requestHead("OPTIONS", "/api/v1/users/", key), 405],
    ["health", requestHead("GET", "/health"), 200],
    ["readiness", requestHead("GET", "/ready"), 200],
    ["invalid HTTP", "nothing\r\n\r\n", 400],
    ["headers too large", requestHead("GET", "/", `X-Large: ${"x".repeat(20_000)}`), 431],
    ["a CONNECT", requestHead("CONNECT", "x:1", key), 405],
  ])("%s", async (_, bytes, status) => {
    const answer = await sendRaw(server.baseUrl, bytes);
    expect(answer.status).toBe(status);
    expect(answer.headers).toMatchObject({ "x-content-type-options": "nosniff", "cache-control": "no-store" });
    expectNoHost(answer.headers);
  });

  test("no page of another origin may read a response: there is no CORS", async () => {
    const origin = { Origin: "https://elsewhere.example", "Access-Control-Request-Method": "GET" };
    for (const method of ["GET", "OPTIONS"]) {
      const headers = { ...origin, "X-Flux-Service-Key": KEYS.scheduler };
      const answer = await fetch(`${server.baseUrl}/api/v1/users/`, { method, headers });
      expect([...answer.headers.keys()].filter((name) => name.startsWith("access-control-"))).toEqual([]);
    }
  });
});

/** No header reveals the software and its version. */
function expectNoHost(headers: Readonly<Record<string, string>>): void {
  expect(Object.keys(headers)).not.toEqual(
    expect.arrayContaining([expect.stringMatching(/^(server|x-powered-by|via)$/)]),
  );
}
