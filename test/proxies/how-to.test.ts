import { readFile } from "node:fs/promises";
import { createDaoClient } from "@flux/dao-http/client";
import { describe, expect, test } from "vitest";
import { createGoal, createUser } from "../rest/rows.ts";
import { KEYS, startRestServer, useRestServer } from "../rest/server.ts";
import { hasApache, startApache } from "./apache.ts";
import { hasHaproxy, startHaproxy } from "./haproxy.ts";
import { hasNginx, startNginx } from "./nginx.ts";
import type { RunningProxy } from "./proxy.ts";

const server = useRestServer();
const { call } = server;
const headers = { "X-Flux-Service-Key": KEYS.observer };

/** The addresses in the page's blocks. */
const UPSTREAM = "127.0.0.1:8000";
const LISTENER = "127.0.0.1:8080";

/** The blocks of docs/how-to/proxy.md in this language. */
async function settingsOf(language: string): Promise<string[]> {
  const page = await readFile("docs/how-to/proxy.md", "utf8");
  return [...page.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\`$`, "gms"))].map(([, block = ""]) => block);
}

const ofNginx = (block = "") => block.replace(/^server \{\n(.*)^\}$/ms, "$1");

const proxies: Readonly<Record<string, [isHere: boolean, start: () => Promise<RunningProxy>]>> = {
  nginx: [
    hasNginx,
    async () => startNginx(ofNginx((await settingsOf("nginx"))[0]).replace(UPSTREAM, new URL(server.baseUrl).host)),
  ],
  HAProxy: [
    hasHaproxy,
    async () => {
      const [block = ""] = await settingsOf("haproxy");
      // A busy machine does not always respond within half a second.
      return startHaproxy(server.baseUrl, (address, upstream) =>
        block.replace(LISTENER, address).replace(UPSTREAM, upstream).replace("inter 500ms", "inter 10s"),
      );
    },
  ],
  Apache: [
    hasApache,
    async () => {
      const [block = ""] = await settingsOf("apache");
      return startApache(server.baseUrl, block.replaceAll(`http://${UPSTREAM}`, server.baseUrl));
    },
  ],
};

describe.each(Object.entries(proxies))("%s, as docs/how-to/proxy.md has it", (_, [isHere, start]) => {
  test.runIf(isHere)("passes a long import, a stream and a conditional write", async () => {
    await using proxy = await start();
    const owner = await createUser(call);
    const goal = await createGoal(call, owner);
    const { tasks, users } = createDaoClient({ baseUrl: proxy.url, serviceKey: KEYS.scheduler });
    const task = { userId: owner.id, goalId: goal.id, title: "🙂".repeat(400) };
    expect(await tasks.createTasks(Array.from({ length: 2_500 }, () => task))).toEqual({ createdCount: 2_500 });
    let count = 0;
    for await (const { title } of tasks.streamTasks({ goalId: goal.id })) if (title === task.title) count++;
    expect(count).toBe(2_500);
    const url = `${proxy.url}/api/v1/users/${owner.id}`;
    const read = await fetch(url, { headers: { ...headers, "Accept-Encoding": "identity" } });
    const patched = await fetch(url, {
      method: "PATCH",
      body: '{"name":"Changed"}',
      headers: { ...headers, "Content-Type": "application/json", "If-Match": read.headers.get("etag") ?? "" },
    });
    expect(patched.status).toBe(200);
    expect((await users.getUser(owner.id)).name).toBe("Changed");
    expect((await fetch(`${proxy.url}/ready`)).status).toBe(200);
  });
});

test.runIf(hasNginx)("below a path, Location is what callers can use", async () => {
  await using prefixed = await startRestServer({ databaseUrl: server.databaseUrl, basePath: "/dao" });
  const [, block] = await settingsOf("nginx");
  await using nginx = await startNginx(ofNginx(block).replace(UPSTREAM, new URL(prefixed.baseUrl).host));
  const created = await fetch(`${nginx.url}/dao/api/v1/users/`, {
    method: "POST",
    body: JSON.stringify({ name: "Ada", email: `${Math.random()}@example.com` }),
    headers: { ...headers, "Content-Type": "application/json" },
  });
  expect(created.status).toBe(201);
  const location = created.headers.get("location") ?? "";
  expect(location).toMatch(/^\/dao\/api\/v1\/users\//);
  expect((await fetch(new URL(location, nginx.url), { headers })).status).toBe(200);
});
