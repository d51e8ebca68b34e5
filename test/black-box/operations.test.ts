import { describe, expect, test } from "vitest";
import { VERSION } from "../../packages/dao-http/src/wire/version.gen.ts";
import { expectStatus } from "../rest/answer.ts";
import { useRestServer } from "../rest/server.ts";

const { call } = useRestServer();

const noKey = { headers: { "X-Flux-Service-Key": undefined } };

describe("the responses of a deployment without a key", () => {
  test.each([
    ["/health", { status: "ok", version: VERSION }],
    ["/ready", { status: "ready" }],
  ])("%s", async (path, body) => {
    expect(expectStatus(await call("GET", path, noKey), 200)).toEqual(body);
  });

  test.each(["/docs", "/redoc", "/explore"])(
    "%s, with everything that the page loads, from the same host",
    async (page) => {
      const answer = await call("GET", page, noKey);
      expectStatus(answer, 200);
      const sources = [...answer.text.matchAll(/(?:src|href)="([^"#]+)"/g)].map(([, source = ""]) => source);
      expect(sources.length).toBeGreaterThan(0);
      for (const source of sources.filter((one) => !one.startsWith("data:"))) {
        const { origin, pathname } = new URL(source, `http://here${page}`);
        expect(origin).toBe("http://here");
        const file = await call("GET", pathname, noKey);
        expectStatus(file, 200);
        expect(file.text.length).toBeGreaterThan(0);
      }
    },
  );
});
