import { describe, expect, test } from "vitest";
import { testApp } from "../testing/test-app.ts";

const ORIGIN = "https://app.example.com";
const { app } = testApp(undefined, { corsOrigins: [ORIGIN] });
const ask = (method: string, path: string, headers: Record<string, string>, from = app) =>
  from.fetch(new Request(`http://service${path}`, { method, headers }));
const preflight = (origin: string) => ({
  origin,
  "access-control-request-method": "PATCH",
  "access-control-request-headers": "x-flux-service-key,if-match",
});

describe("corsOrigins", () => {
  test("a preflight of a listed origin is 204 without a key, and allows all that the API takes", async () => {
    const response = await ask("OPTIONS", "/api/v1/tasks/1", preflight(ORIGIN));
    expect(response.status).toBe(204);
    const headers = Object.fromEntries(response.headers);
    expect(headers).toMatchObject({ "access-control-allow-origin": ORIGIN, vary: "origin" });
    expect(headers["access-control-allow-methods"]).toBe("GET, POST, PATCH, PUT, DELETE");
    expect(headers["access-control-allow-headers"]).toMatch(/X-Flux-Service-Key.*If-Match.*Idempotency-Key/);
    expect(headers).not.toHaveProperty("access-control-allow-credentials");
  });

  test.each(["https://evil.example", "null", "http://app.example.com", `${ORIGIN}.evil.example`, `${ORIGIN}:8443`])(
    "%s gets no such header, and a preflight of it needs a key",
    async (origin) => {
      const response = await ask("OPTIONS", "/api/v1/users/", preflight(origin));
      expect(response.status).toBe(403);
      expect([...response.headers.keys()].filter((name) => name.startsWith("access-control"))).toEqual([]);
      expect(response.headers.get("vary")).toBe("origin");
    },
  );

  test("a response, also a refusal, can be read by a page of a listed origin, with its headers", async () => {
    for (const [path, status] of [
      ["/api/v1/users/", 403],
      ["/health", 200],
      ["/nothing", 404],
    ] as const) {
      const response = await ask("GET", path, { origin: ORIGIN });
      expect(response.status).toBe(status);
      expect(response.headers.get("access-control-allow-origin")).toBe(ORIGIN);
      expect(response.headers.get("access-control-expose-headers")).toContain("ETag");
    }
    expect((await ask("GET", "/", { origin: ORIGIN })).headers.get("vary")).toBe("accept, origin");
  });

  test("an OPTIONS that is no preflight needs a key", async () => {
    expect((await ask("OPTIONS", "/api/v1/users/", { origin: ORIGIN })).status).toBe(403);
  });

  test("without the option there are no such headers, and no Vary", async () => {
    const response = await ask("OPTIONS", "/api/v1/users/", preflight(ORIGIN), testApp().app);
    expect(response.status).toBe(403);
    expect([...response.headers.keys()].filter((name) => /^access-control|^vary/.test(name))).toEqual([]);
  });

  test.each(["*", "app.example.com", `${ORIGIN}/`, "https://APP.example.com", "null"])("%s is refused", (origin) => {
    expect(() => testApp(undefined, { corsOrigins: [origin] })).toThrow(/which is not an origin such as/);
  });
});
