import { describe, expect, test } from "vitest";
import { createDaoApp } from "../app/app.ts";
import { PROBLEM_CODES } from "../http/problem.ts";
import { basePathOf } from "../http/router.ts";
import { stubServices } from "../testing/services-stub.ts";
import { noChunks } from "../testing/test-app.ts";
import { docsPages } from "./docs-pages.ts";

const assets = [
  ["/docs/swagger-ui.css", "text/css; charset=utf-8"],
  ["/docs/swagger-ui-bundle.js", "text/javascript; charset=utf-8"],
  ["/redoc/redoc.standalone.js", "text/javascript; charset=utf-8"],
] as const;
const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };
const options = { services: stubServices().services, keys: [{ name: "a", key: "k" }], logger: silent };
const app = createDaoApp(options);
const get = (path: string) => app.fetch(new Request(`http://service${path}`));

describe("the pages", () => {
  test.each(["/docs", "/docs/", "/redoc", "/redoc/"])(
    "%s needs no key and loads only what the service serves",
    async (path) => {
      const response = await get(path);
      expect(response.status).toBe(200);
      expect(response.headers.get("content-type")).toMatch(/^text\/html/);
      const html = await response.text();
      expect(html).not.toMatch(/https?:/);
      // No script in the page itself: the policy forbids it.
      expect(html).not.toMatch(/<script>/);
      expect(response.headers.get("content-security-policy")).toMatch(/default-src 'none'; script-src 'self';/);
      expect(response.headers.get("x-content-type-options")).toBe("nosniff");
      const links = [...html.matchAll(/(?:src|href)="([^":]+)"/g)].map(([, link]) => link ?? "");
      expect(links.length).toBeGreaterThan(1);
      for (const link of links) {
        const target = await get(new URL(link, `http://service${path}`).pathname);
        expect(target.status, link).toBe(200);
      }
    },
  );

  test.each(assets)("%s is served", async (path, contentType) => {
    const response = await get(path);
    expect(response.headers.get("content-type")).toBe(contentType);
    expect((await response.text()).length).toBeGreaterThan(50_000);
  });

  test.each(["/docs", "/docs/initialize.js", "/openapi.json", ...assets.map(([path]) => path)])(
    "%s is created once, and not sent to clients that have it",
    async (path) => {
      const ask = (headers: Readonly<Record<string, string>>) => {
        const header = (name: string) => headers[name];
        return app.handle({
          method: "GET",
          target: path,
          header,
          readChunks: noChunks,
        });
      };
      const [first, second] = [await ask({}), await ask({})];
      expect(first.body).toBeInstanceOf(Uint8Array);
      if (path.includes(".")) expect(Object.is(first.body, second.body) || path.endsWith("initialize.js")).toBe(true);
      const etag = first.headers["etag"] ?? "";
      expect(etag).toMatch(/^"[\w-]{43}"$/);
      for (const tags of [etag, `W/${etag}`, `"other", ${etag}`, "*"]) {
        expect(await ask({ "if-none-match": tags })).toMatchObject({ status: 304, body: undefined, headers: { etag } });
      }
      expect((await ask({ "if-none-match": '"other"' })).status).toBe(200);
    },
  );

  test("/guide is a page of its own, with an anchor for every error", async () => {
    const response = await get("/guide");
    expect(response.headers.get("content-security-policy")).toMatch(/^default-src 'none';/);
    const html = await response.text();
    expect(html).not.toMatch(/<script|src=|href="(?!data:)/);
    for (const code of Object.keys(PROBLEM_CODES)) expect(html).toContain(`<tr id="${code}">`);
  });

  test("problems link to their error in the guide, relative to the request, if it is served", async () => {
    const ask = (path: string, from = app) => from.fetch(new Request(`http://service${path}`));
    const help = /^<([^>]+#invalid_service_key)>; rel="help"$/;
    const mounted = createDaoApp({ ...options, basePath: "/dao" });
    for (const [path, from] of [
      ["/api/v1/tasks/", app],
      ["/api/v1/tasks/x", app],
      ["/dao/api/v1/tasks/x", mounted],
    ] as const) {
      const [, link = ""] = help.exec((await ask(path, from)).headers.get("link") ?? "") ?? [];
      const page = new URL(link, `http://service${path}`);
      expect((await ask(page.pathname, from)).status, page.href).toBe(200);
    }
    expect((await ask("/nothing")).headers.get("link")).toBe('<guide#not_found>; rel="help"');
    expect((await ask("/api/v1/", createDaoApp({ ...options, docs: false }))).headers.has("link")).toBe(false);
  });

  test("Redoc does not load its vendor's logo", async () => {
    expect(await (await get("/redoc/redoc.standalone.js")).text()).not.toContain("cdn.redoc.ly");
  });

  test("/openapi.json needs no key", async () => {
    const response = await get("/openapi.json");
    expect(response.headers.get("content-type")).toBe("application/json");
    expect(await response.json()).toMatchObject({ openapi: "3.1.0", servers: [{ url: "." }] });
  });

  test.each(docsPages.map(([path]) => path))("%s is found behind a prefix that is part of another path", (path) => {
    expect(basePathOf("/api").strip(`/api${path}`)).toBe(path);
  });

  test("can be omitted", async () => {
    const without = createDaoApp({ ...options, docs: false });
    for (const path of ["/docs", "/redoc", "/guide", "/explore", "/openapi.json"]) {
      expect((await without.fetch(new Request(`http://service${path}`))).status).toBe(404);
    }
  });
});
