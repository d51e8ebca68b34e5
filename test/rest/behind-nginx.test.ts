import { once } from "node:events";
import { createServer } from "node:net";
import { makeUserData } from "@flux/dao-core/testing";
import { createDaoClient, type DaoClientOptions } from "@flux/dao-http/client";
import { describe, expect, test } from "vitest";
import { faultyNetwork } from "../faulty-network.ts";
import { hasNginx, startNginx } from "../proxies/nginx.ts";
import { createGoal, createUser } from "./rows.ts";
import { KEYS, useRestServer } from "./server.ts";

const server = useRestServer();

const clientOf = (baseUrl: string, options: Partial<DaoClientOptions> = {}) =>
  createDaoClient({ baseUrl, serviceKey: KEYS.observer, ...options });

const rejection = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => undefined,
    (error: unknown) => error,
  );

/** A goal with enough tasks for several pieces and cursors. */
async function fillGoal(tasks: number): Promise<string> {
  const owner = await createUser(server.call);
  const goal = await createGoal(server.call, owner);
  await server.sql(`insert into tasks (user_id, goal_id, title)
    select '${owner.id}', '${goal.id}', 'Run ' || n from generate_series(1, ${tasks}) as n`);
  return goal.id;
}

describe.runIf(hasNginx)("a stream behind nginx", () => {
  const settings: Readonly<Record<string, string>> = {
    "with its defaults, which include HTTP/1.0": "",
    "over HTTP/1.0 without buffers": "proxy_buffering off;",
    "over HTTP/1.1": "proxy_http_version 1.1;",
    compressed: "gzip on; gzip_types application/x-ndjson; gzip_proxied any;",
  };

  test.each(Object.entries(settings))(
    "%s: the client resumes a stream that is cut off, and gets each task once",
    async (_, setting) => {
      const goalId = await fillGoal(4_000);
      await using network = await faultyNetwork(server.baseUrl);
      await using nginx = await startNginx(`location / { proxy_pass ${network.url}; ${setting} }`);
      const retries: number[] = [];
      const { tasks } = clientOf(nginx.url, { retry: { onRetry: ({ attempt }) => retries.push(attempt) } });
      const cut = network.cut({ after: 6, share: 0.5, reset: false });
      const ids = new Set<string>();
      let count = 0;
      for await (const { id } of tasks.streamTasks({ goalId })) {
        ids.add(id);
        count++;
      }
      await cut;
      expect([count, ids.size, retries.length]).toEqual([4_000, 4_000, 1]);
    },
  );

  test("any other reader detects by the last line that the stream is incomplete, and resumes at the last cursor", async () => {
    const goalId = await fillGoal(4_000);
    await using network = await faultyNetwork(server.baseUrl);
    await using nginx = await startNginx(`location / { proxy_pass ${network.url}; }`);
    const read = async (query: string) => {
      const url = `${nginx.url}/api/v1/tasks/stream?goal_id=${goalId}&cursors=true${query}`;
      const response = await fetch(url, { headers: { "X-Flux-Service-Key": KEYS.observer } });
      return { isOk: response.ok, lines: (await response.text()).split("\n") };
    };
    const cut = network.cut({ after: 8, share: 0.5, reset: false });
    const first = await read("");
    await cut;
    expect(first.isOk, "nginx ended it in order").toBe(true);
    expect(first.lines).not.toContain('{"next_cursor":null}');
    const place = first.lines.findLastIndex((line) => line.startsWith('{"next_cursor":'));
    const second = await read(`&cursor=${JSON.parse(first.lines[place] ?? "").next_cursor}`);
    expect(second.lines.slice(-2)).toEqual(['{"next_cursor":null}', ""]);
    const rows = [...first.lines.slice(0, place), ...second.lines].filter((line) => line.startsWith('{"id":'));
    expect(new Set(rows).size).toBe(4_000);
    expect(rows).toHaveLength(4_000);
  });
});

describe.runIf(hasNginx)("nginx responding in place of the service", () => {
  const locations: Readonly<Record<string, [string, number]>> = {
    "has no upstream": ["location / { proxy_pass http://127.0.0.1:9; }", 502],
    "is in maintenance": ["location / { return 503; }", 503],
    "has had enough": ["location / { return 429; }", 429],
    redirects: ["location / { return 301 https://example.com$request_uri; }", 301],
    "signs people in": ['location / { default_type text/html; return 200 "<html>"; }', 200],
    "returns 200 for everything": [
      'location / { default_type application/json; return 200 \'{"status":"ok"}\'; }',
      200,
    ],
    "says nothing": ["location / { return 204; }", 204],
    "hangs up": ["location / { if ($request_method != HEAD) { return 444; } }", 0],
  };

  test.each(Object.entries(locations))("%s", async (_, [location, status]) => {
    await using nginx = await startNginx(`location = /is-there { return 200; } ${location}`);
    const retries: number[] = [];
    const { users } = clientOf(nginx.url, { retry: { onRetry: ({ attempt }) => retries.push(attempt) } });
    const error = await rejection(users.listUsers());
    expect(error).toMatchObject({ code: "unavailable" });
    if (status > 0) expect(String(error)).toContain(`status ${status}, `);
    expect(retries).toEqual([1, 2]);
  });

  test("time-outs of nginx are reported", async () => {
    await using silent = await silentServer();
    await using nginx = await startNginx(`location = /is-there { return 200; }
      location / { proxy_pass ${silent.url}; proxy_read_timeout 1s; }`);
    const { users } = clientOf(nginx.url, { retry: false });
    expect(String(await rejection(users.createUser(makeUserData())))).toMatch(
      /status 504, .*may or may not have taken effect/,
    );
  });

  test("the body limit of nginx is reported", async () => {
    await using nginx = await startNginx(`client_max_body_size 1k; location / { proxy_pass ${server.baseUrl}; }`);
    const { users } = clientOf(nginx.url);
    const error = await rejection(users.createUser({ ...makeUserData(), preferences: { text: "x".repeat(2_000) } }));
    expect(error).toMatchObject({ name: "UnexpectedResponseError", status: 413 });
  });

  test("a lost response to a write: with a key the write happens once, without one the caller must check", async () => {
    await using network = await faultyNetwork(server.baseUrl);
    await using nginx = await startNginx(`location = /is-there { return 200; }
      location / { proxy_pass ${network.url}; }`);
    const { users } = clientOf(nginx.url);
    const loseOne = () => network.cut({ after: 0, share: 0, reset: true });

    let lost = loseOne();
    const made = await users.createUser(makeUserData(), { idempotencyKey: `user-${Math.random()}` });
    await lost;
    expect((await users.listUsers({ email: made.email })).items).toEqual([made]);

    const data = makeUserData();
    lost = loseOne();
    const error = await rejection(users.createUser(data));
    await lost;
    expect(String(error)).toMatch(/UnavailableError: .*status 502, text\/html.*may or may not have taken effect/);
    expect((await users.listUsers({ email: data.email })).total).toBe(1);

    lost = loseOne();
    expect(await rejection(users.deleteUser(made.id))).toMatchObject({ code: "unavailable" });
    await lost;
    expect(await rejection(users.deleteUser(made.id))).toMatchObject({ code: "not_found" });
  });
});

/** Accepts connections, and never responds. */
async function silentServer() {
  const silent = createServer((socket) => {
    socket.on("error", () => undefined).resume();
  }).listen(0, "127.0.0.1");
  await once(silent, "listening");
  const address = silent.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      silent.close();
    },
  };
}
