import { inspect } from "node:util";
import { createDaoApp } from "@flux/dao-http";
import { createLogger, readSettings, SettingsError, startServer } from "@flux/dao-http/server";
import { describe, expect, test } from "vitest";
import { stubServices } from "../../packages/dao-http/src/testing/services-stub.ts";
import { requestHead, sendRaw } from "../rest/raw-socket.ts";

const HEADER = "X-Flux-Service-Key";
const OLD = "canary-old-4f1d";
const NEW = "canary-new-9c2e";
const id = "0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d6e";

/** The service with these keys, and every line that it logged. */
async function start(setting: string) {
  const { keys } = readSettings({ SERVICE_API_KEYS: setting });
  const lines: string[] = [];
  const logger = createLogger({ level: "trace", destination: { write: (text) => lines.push(text) } });
  const { services } = stubServices(() => ({ id }));
  const app = createDaoApp({ services, keys, logger });
  const server = await startServer({ app, port: 0, logger, stopDelay: 0, gracePeriod: 500 });
  const ask = async (key: string) => {
    const response = await fetch(`${server.url}/api/v1/users/${id}`, { headers: { [HEADER]: key } });
    await response.arrayBuffer();
    return { status: response.status, caller: JSON.parse(lines.at(-1) ?? "{}").caller };
  };
  return { app, server, lines, ask, [Symbol.asyncDispose]: () => server.stop() };
}

describe("a key is replaced without restarting its callers", () => {
  // The procedure of SECURITY.md, "Replacing a key".
  test("both keys are accepted while both are configured, under one name; the old one is rejected once it is removed", async () => {
    await using before = await start(`{"scheduler": "${OLD}", "observer": "another"}`);
    expect([await before.ask(OLD), await before.ask(NEW)]).toEqual([
      { status: 200, caller: "scheduler" },
      { status: 403, caller: null },
    ]);
    await using meanwhile = await start(`{"scheduler": ["${OLD}", "${NEW}"], "observer": "another"}`);
    for (const key of [OLD, NEW]) expect(await meanwhile.ask(key)).toEqual({ status: 200, caller: "scheduler" });
    expect(await meanwhile.ask("another")).toEqual({ status: 200, caller: "observer" });
    await using after = await start(`{"scheduler": ["${NEW}"], "observer": "another"}`);
    expect([await after.ask(OLD), await after.ask(NEW)]).toEqual([
      { status: 403, caller: null },
      { status: 200, caller: "scheduler" },
    ]);
  });
});

describe("a key is in no log line, response or error", () => {
  test("however it is sent: right, wrong, malformed, repeated, in the query, in other headers", async () => {
    await using service = await start(`{"scheduler": ["${OLD}", "${NEW}"]}`);
    const get = (target: string, ...headers: string[]) => requestHead("GET", target, ...headers);
    const users = `/api/v1/users/${id}`;
    const attempts = [
      get(users, `${HEADER}: ${OLD}`),
      get(users, `${HEADER}: ${OLD}x`),
      get(users, `${HEADER}: ${OLD}`, `${HEADER}: ${NEW}`),
      get(users, `${HEADER}: "${OLD}"`),
      get(users, `${HEADER}: Bearer ${OLD}`),
      get(users, `${HEADER}: ${OLD}\u0001`),
      get(users, `${HEADER}: \u00e9${OLD}`),
      get(users, `${HEADER} : ${OLD}`),
      get(users, `${HEADER}${OLD}`),
      get(users, `Authorization: Bearer ${OLD}`, `Cookie: key=${OLD}`, `X-Api-Key: ${OLD}`),
      get(`${users}?key=${OLD}`),
      get(`${users}?key=${OLD}`, `${HEADER}: ${NEW}`),
      get(`/api/v1/users/?email=${OLD}`, `${HEADER}: ${NEW}`),
      get("/docs?key=canary", `${HEADER}: ${OLD}`),
      get(users, `${HEADER}: ${OLD}`, "Content-Length: x"),
      get(users, `${HEADER}: ${OLD}`, `X-Large: ${"x".repeat(20_000)}`),
      requestHead("BREW", users, `${HEADER}: ${OLD}`),
      requestHead("CONNECT", "x:1", `${HEADER}: ${OLD}`),
      `${HEADER}: ${OLD}\r\n\r\n`,
      `GET ${users} HTTP/1.1\r\nConnection: close\r\n${HEADER}: ${OLD}\r\n\r\n`,
    ];
    for (const bytes of attempts) {
      const { headers, text } = await sendRaw(service.server.url, bytes);
      expect(`${JSON.stringify(headers)} ${text}`, bytes).not.toContain("canary");
    }
    expect(service.lines.length).toBeGreaterThanOrEqual(attempts.length);
    expect(service.lines.join("")).not.toContain("canary");
  });

  test("a printed app shows no key: it stores only digests", async () => {
    await using service = await start(`["${OLD}"]`);
    for (const value of [service.app, service.server]) {
      expect(inspect(value, { depth: null, showHidden: true })).not.toContain("canary");
      expect(JSON.stringify(value) ?? "").not.toContain("canary");
    }
  });

  test("an app's errors about invalid keys show no key", () => {
    const { services } = stubServices();
    const keysOf = (...keys: string[]) => keys.map((key) => ({ name: "scheduler", key }));
    for (const keys of [
      keysOf("canary key"),
      keysOf("canary\n"),
      keysOf(`canary${"x".repeat(200)}`),
      keysOf(OLD, "canary é"),
    ]) {
      const make = () => createDaoApp({ services, keys });
      expect(make).toThrow(/service key of scheduler must be/);
      expect(make).not.toThrow(/canary/);
    }
  });
});

describe("no error about a setting shows a key, a URL or a password", () => {
  const urls = [
    "mysql://canary:canary@host/db",
    "canary:canary@host/db",
    "//canary:canary@host/db",
    "postgres:/canary:canary@host/db",
    "http://canary:canary@host",
    "canary",
  ];
  const keys = [
    `["${OLD}"`,
    `["${OLD}", 1]`,
    `["${OLD} "]`,
    `{"canary": ""}`,
    `{"canary": "x", "canary-2": "x"}`,
    `{"a": "${OLD}", "b": "${OLD}"}`,
    `{"a": {"canary": "${OLD}"}}`,
    `"${OLD}"`,
    `${OLD} ${NEW}`,
    `${OLD},é`,
    `[["${OLD}"]]`,
  ];

  test.each([
    ...urls.map((value) => ["DATABASE_URL", value] as const),
    ...keys.map((value) => ["SERVICE_API_KEYS", value] as const),
    // A value that was meant for another variable.
    ...["HOST", "PORT", "DB_POOL_SIZE", "LOG_LEVEL"].flatMap((name) =>
      [`postgres://canary:canary@host/db`, `["${OLD}"]`, `{"a": "${OLD}"}`].map((value) => [name, value] as const),
    ),
  ])("%s = %s", (name, value) => {
    let error: unknown;
    try {
      readSettings({ [name]: value });
    } catch (reason) {
      error = reason;
    }
    expect(error).toBeInstanceOf(SettingsError);
    expect(inspect(error, { depth: null })).toContain(name);
    expect(inspect(error, { depth: null })).not.toContain("canary");
  });
});
