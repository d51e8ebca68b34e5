import { createDaoClient } from "@flux/dao-http/client";
import { describe, expect, test } from "vitest";
import { createGoal, createUser } from "../rest/rows.ts";
import { KEYS, useRestServer } from "../rest/server.ts";
import { hasNginx, startNginx } from "./nginx.ts";

const server = useRestServer();
const { call } = server;
const headers = { "X-Flux-Service-Key": KEYS.observer };

describe.runIf(hasNginx)("behind nginx with its defaults", () => {
  test("lists with long filters work, and the client reads them page by page", async () => {
    await using nginx = await startNginx(
      `large_client_header_buffers 4 16k; location / { proxy_pass ${server.baseUrl}; }`,
    );
    const { id } = await createUser(call);
    for (const length of [100, 300, 500]) {
      const category = "ж".repeat(length);
      for (let count = 0; count < 3; count++) await createGoal(call, { id }, { category });
      const query = `page_size=1&page=2&category=${encodeURIComponent(category)}`;
      const response = await fetch(`${nginx.url}/api/v1/goals/?${query}`, { headers });
      expect([response.status, await response.json()]).toMatchObject([200, { total: 3 }]);
      for (const baseUrl of [nginx.url, server.baseUrl]) {
        const { goals } = createDaoClient({ baseUrl, serviceKey: KEYS.observer, retry: false });
        const seen = new Set<string>();
        let cursor: string | undefined;
        do {
          const page = await goals.listGoals({ category, pageSize: 1, cursor });
          for (const goal of page.items) seen.add(goal.id);
          cursor = page.nextCursor ?? undefined;
        } while (cursor !== undefined);
        expect(seen.size).toBe(3);
      }
    }
  });

  test("an entity-tag that nginx weakened by compression is 412, and the response explains it; without compression it is accepted", async () => {
    await using nginx = await startNginx(
      `gzip on; gzip_types application/json; gzip_min_length 0; gzip_proxied any; location / { proxy_pass ${server.baseUrl}; }`,
    );
    const { id } = await createUser(call, { preferences: { text: "x".repeat(5_000) } });
    const url = `${nginx.url}/api/v1/users/${id}`;
    const patch = (etag: string | null) =>
      fetch(url, {
        method: "PATCH",
        body: '{"name":"Changed"}',
        headers: { ...headers, "Content-Type": "application/json", "If-Match": etag ?? "" },
      });
    const weak = await fetch(url, { headers });
    expect(weak.headers.get("etag")).toMatch(/^W\//);
    const refused = await patch(weak.headers.get("etag"));
    expect([refused.status, await refused.json()]).toMatchObject([412, { detail: expect.stringMatching(/compress/) }]);
    const strong = await fetch(url, { headers: { ...headers, "Accept-Encoding": "identity" } });
    expect((await patch(strong.headers.get("etag"))).status).toBe(200);
  });
});
