import { describe, expect, test } from "vitest";
import { id, KEY, testApp } from "../testing/test-app.ts";
import { basePathOf } from "./router.ts";

describe("the path that an app is mounted at", () => {
  test.each([
    ["", "/api/v1/users/", "/api/v1/users/"],
    ["/", "/health", "/health"],
    ["/dao", "/dao/api/v1/users/", "/api/v1/users/"],
    ["/dao/", "/dao/docs/", "/docs/"],
    ["/dao", "/dao", "/"],
    ["/dao", "/daos/health", "/daos/health"],
    ["/a/b", "/a/b/health", "/health"],
    // Stripped by the host.
    ["/dao", "/api/v1/users/", "/api/v1/users/"],
    // The app's own paths begin like these.
    ["/api", "/api/api/v1/users/", "/api/v1/users/"],
    ["/api", "/api/v1/users/", "/api/v1/users/"],
    ["/api", "/api/guide", "/guide"],
    ["/api/v1", "/api/v1/api/v1/users/", "/api/v1/users/"],
    ["/api/v1", "/api/v1/users/", "/api/v1/users/"],
    ["/docs", "/docs/docs/initialize.js", "/docs/initialize.js"],
    ["/docs", "/docs/initialize.js", "/docs/initialize.js"],
  ])("%j: %s is the app's %s", (base, path, own) => {
    expect(basePathOf(base).strip(path)).toBe(own);
  });

  test.each(["dao", "/dao?x", "/dao#x", "https://example.com/dao", "/da o", "/дао", "/\u0001", "//dao", "/<b>"])(
    "%j is none",
    (base) => {
      expect(() => basePathOf(base)).toThrow(TypeError);
    },
  );
});

test.each(["/dao/api/v1", "/api/v1"])("a problem of %s names the caller's own path", async (api) => {
  const { call } = testApp(() => ({ id }), { basePath: "/dao" });
  const { body } = await call("POST", `${api}/tasks/`, { body: "{" });
  expect(body).toMatchObject({ code: "validation_failed", instance: "/dao/api/v1/tasks/" });
});

test("a body that the host has already read is not mistaken for an empty one: the response says what to do", async () => {
  const { app } = testApp();
  const headers = { "X-Flux-Service-Key": KEY };
  const request = new Request("http://service/api/v1/users/", { method: "POST", body: "{}", headers });
  await request.text();
  request.headers.set("content-type", "application/json");
  const response = await app.fetch(request);
  expect(response.status).toBe(500);
  expect(await response.json()).toMatchObject({
    detail: expect.stringMatching(/Mount the app before express\.json\(\)/),
  });
});
