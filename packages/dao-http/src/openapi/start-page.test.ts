import { UnavailableError } from "@flux/dao-core/contract";
import { describe, expect, test } from "vitest";
import { testApp } from "../testing/test-app.ts";
import { VERSION } from "../wire/version.gen.ts";

const browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
const { app } = testApp();
const get = (path: string, accept?: string, from = app) =>
  from.fetch(new Request(`http://service${path}`, accept === undefined ? {} : { headers: { accept } }));

describe("GET /", () => {
  test.each([undefined, "*/*", "application/json", "text/html;q=0.5, application/json", "text/plain"])(
    "is a document for %j",
    async (accept) => {
      const response = await get("/", accept);
      expect(response.headers.get("vary")).toBe("accept");
      expect(await response.json()).toEqual({
        service: "Flux DAO Service",
        version: VERSION,
        status: "ready",
        links: {
          api: "/api/v1",
          docs: "/docs",
          redoc: "/redoc",
          explore: "/explore",
          guide: "/guide",
          openapi: "/openapi.json",
          health: "/health",
          ready: "/ready",
        },
      });
    },
  );

  test.each([browser, "text/html", "TEXT/HTML; charset=utf-8", "application/json;q=0.1, text/html;q=0.2"])(
    "is a page for %j",
    async (accept) => {
      const response = await get("/?from=a/bookmark", accept);
      expect(response.headers.get("content-type")).toBe("text/html; charset=utf-8");
      expect(response.headers.get("content-security-policy")).toMatch(/^default-src 'none'; style-src 'sha256-[^']+';/);
      const html = await response.text();
      expect(html).not.toMatch(/<script|src=/);
      expect(html).toContain(`<dd>${VERSION}</dd>`);
      expect(html).toContain('<a href="./docs">');
    },
  );

  test("below a path it leads to what is below it, with or without the slash", async () => {
    const mounted = testApp(undefined, { basePath: "/dao" }).app;
    expect(await (await get("/dao", browser, mounted)).text()).toContain('<a href="./dao/docs">');
    expect(await (await get("/dao/", browser, mounted)).text()).toContain('<a href="./docs">');
    expect(await (await get("/dao", "*/*", mounted)).json()).toMatchObject({ links: { docs: "/dao/docs" } });
  });

  test("without the pages it leads to none of them", async () => {
    const bare = testApp(undefined, { docs: false }).app;
    expect(await (await get("/", browser, bare)).text()).not.toContain("/docs");
    const body: { links: object } = Object(await (await get("/", "*/*", bare)).json());
    expect(Object.keys(body.links)).toEqual(["api", "health", "ready"]);
  });

  test("tells why the database cannot be used, as text", async () => {
    const readiness = () => Promise.reject(new UnavailableError("The <schema> is missing."));
    const broken = testApp(undefined, { readiness }).app;
    const response = await get("/", browser, broken);
    expect(response.status).toBe(200);
    expect(await response.text()).toContain("not ready</dt><dd>The &#60;schema&#62; is missing.</dd>");
    const body = await (await get("/", undefined, broken)).json();
    expect(body).toMatchObject({ status: "not_ready", detail: "The <schema> is missing." });
    broken.announceStop();
    expect(await (await get("/", undefined, broken)).json()).toMatchObject({ detail: "The service is stopping." });
  });
});
