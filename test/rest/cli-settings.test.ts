import { once } from "node:events";
import { createServer } from "node:net";
import { createTestDatabase, type TestDatabase } from "@flux/dao-core/testing";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { findFreePort } from "../../scripts/postgres/free-port.ts";
import { useCli } from "./cli-process.ts";

const SECRET = "canary-secret";
const cli = useCli();

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase({ serverUrl: inject("adminUrl") });
});
afterAll(() => database.drop());

/** Starts the service with these settings on an existing database, and expects it to fail. */
async function refusal(settings: Readonly<Record<string, string>>): Promise<string> {
  const { exit, output, milliseconds } = await cli.run({ DATABASE_URL: database.url, ...settings });
  expect({ exit, output }).toEqual({ exit: 1, output: expect.any(String) });
  // 10 s, on a machine that does nothing else.
  expect(milliseconds).toBeLessThan(30_000);
  expect(output).not.toContain(SECRET);
  // A sentence for people, not a stack trace.
  expect(output).toMatch(/\.\s*("|$)/m);
  expect(output).not.toMatch(/\n\s+at |node_modules/);
  return output;
}

describe("Keys and settings: an invalid value stops the start with a message that names the variable", () => {
  test.concurrent.each([
    ["another database's", `mysql://user:${SECRET}@localhost/db`],
    ["no URL", `user:${SECRET}@localhost`],
    ["a port out of range", `postgres://user:${SECRET}@localhost:99999/db`],
    ["a port that is text", `postgresql://user:${SECRET}@localhost:port/db`],
    ["a space within", `postgres://user:${SECRET}@local host/db`],
  ])("DATABASE_URL: %s", async (_, url) => {
    expect(await refusal({ DATABASE_URL: url })).toMatch(/DATABASE_URL/);
  });

  test.concurrent.each(["x", "0x50", "65536", "-1"])("PORT=%s", async (port) => {
    expect(await refusal({ PORT: port })).toMatch(/PORT/);
  });

  test.concurrent.each(["0", "many", "1.5"])("DB_POOL_SIZE=%s", async (size) => {
    expect(await refusal({ DB_POOL_SIZE: size })).toMatch(/DB_POOL_SIZE/);
  });

  test.concurrent.each(["0", "257", "two", "1.5"])("PROCESSES=%s", async (processes) => {
    expect(await refusal({ PROCESSES: processes })).toMatch(/PROCESSES/);
  });

  test.concurrent.each(["memory://", "./data", "file:///tmp/data"])(
    "PROCESSES=2 with an embedded database: %s",
    async (url) => {
      expect(await refusal({ PROCESSES: "2", DATABASE_URL: url })).toMatch(/^PROCESSES.*embedded/);
    },
  );

  test.concurrent.each(["no", "1"])("DB_PREPARE=%s", async (prepare) => {
    expect(await refusal({ DB_PREPARE: prepare })).toMatch(/DB_PREPARE must be true or false/);
  });

  test.concurrent.each(["no such host!", "203.0.113.1", "fe80::1"])("HOST=%s", async (host) => {
    expect(await refusal({ HOST: host, SERVICE_API_KEYS: "own-key-1" })).toMatch(/HOST/);
  });

  test.concurrent("DATABASE_URL is required in production", async () => {
    expect(await refusal({ DATABASE_URL: "", NODE_ENV: "production", SERVICE_API_KEYS: "own-key-1" })).toMatch(
      /DATABASE_URL/,
    );
  });

  test.concurrent("PORT defaults to 8000", async () => {
    // If another process of this machine uses that port, the error message names it.
    const { output } = await cli.run({ DATABASE_URL: database.url, PORT: "" });
    expect(output).toMatch(/:8000\b|\bPort 8000\b/);
  });

  test.concurrent("LOG_LEVEL=loud: the message lists the allowed values", async () => {
    expect(await refusal({ LOG_LEVEL: "loud" })).toMatch(/LOG_LEVEL.*\binfo\b/s);
  });

  test.concurrent.each([
    ["half of a JSON array", `["${SECRET}`],
    ["half of a JSON object", `{"a": "${SECRET}"`],
    ["an empty array", "[]"],
    ["an empty object", "{}"],
    ["a number in the array", `["${SECRET}", 1]`],
    ["null in the array", `["${SECRET}", null]`],
    ["an empty key in the array", `["${SECRET}", ""]`],
    ["a number in the object", `{"a": "${SECRET}", "b": 1}`],
    ["an empty key in the object", `{"a": "${SECRET}", "b": ""}`],
    ["an object in the object", `{"a": {"b": "${SECRET}"}}`],
    ["nothing between commas", ", ,"],
    ["a key that no header can carry", `["${SECRET}\\n"]`],
  ])("SERVICE_API_KEYS: %s", async (_, keys) => {
    expect(await refusal({ SERVICE_API_KEYS: keys })).toMatch(/SERVICE_API_KEYS/);
  });
});

describe("Bad input: a DATABASE_URL that never responds stops the start", () => {
  test.concurrent("nothing listens at the address", async () => {
    const port = await findFreePort();
    const output = await refusal({ DATABASE_URL: `postgres://user:${SECRET}@127.0.0.1:${port}/db` });
    expect(output).toMatch(new RegExp(`127\\.0\\.0\\.1:${port}`));
  });

  test.concurrent("something listens and does not respond", async () => {
    const silent = createServer(() => undefined).listen(0, "127.0.0.1");
    await once(silent, "listening");
    const address = silent.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    await refusal({ DATABASE_URL: `postgres://user:${SECRET}@127.0.0.1:${address.port}/db` });
    silent.close();
  });

  test.concurrent("no such host", async () => {
    await refusal({ DATABASE_URL: `postgres://user:${SECRET}@no-such-host.invalid/db` });
  });

  test.concurrent("no such database", async () => {
    const url = new URL(inject("adminUrl"));
    url.pathname = "/no_such_database";
    const output = await refusal({ DATABASE_URL: url.href });
    expect(output).toMatch(/database/);
    if (url.password !== "") expect(output).not.toContain(decodeURIComponent(url.password));
  });

  test.concurrent("a wrong password", async () => {
    const url = new URL(database.url);
    url.username = "nobody";
    url.password = SECRET;
    await refusal({ DATABASE_URL: url.href });
  });
});

describe("Keys and settings: without keys of its own the service starts on loopback only", () => {
  const own = '["own-key-1"]';

  test.concurrent.each([
    ["in production without keys", { NODE_ENV: "production" }],
    ["on all addresses without keys", { HOST: "0.0.0.0" }],
    ["on all addresses of IPv6 without keys", { HOST: "::" }],
    ["in production with the guide's keys", { NODE_ENV: "production", SERVICE_API_KEYS: '["goal-planner-key-abc"]' }],
    [
      "in production with one of the guide's keys among others",
      { NODE_ENV: "production", SERVICE_API_KEYS: "own-key-1,scheduler-key-def" },
    ],
    [
      "on all addresses with one of the guide's keys",
      { HOST: "0.0.0.0", SERVICE_API_KEYS: `{"observer": "observer-key-ghi", "x": "own-key-1"}` },
    ],
    ["in production, on loopback, with no keys", { NODE_ENV: "production", HOST: "127.0.0.1", SERVICE_API_KEYS: "" }],
  ])("it refuses %s", async (_, settings) => {
    const output = await refusal(settings);
    expect(output).toMatch(/SERVICE_API_KEYS/);
    expect(output).not.toMatch(/own-key-1/);
  });

  test.concurrent.each([
    ["in production with keys of its own", { NODE_ENV: "production", SERVICE_API_KEYS: own }],
    ["on all addresses with keys of its own", { HOST: "0.0.0.0", SERVICE_API_KEYS: own }],
    ["on localhost without keys", { HOST: "localhost" }],
    ["on loopback with the guide's keys", { SERVICE_API_KEYS: '["goal-planner-key-abc"]' }],
  ])("it starts %s", async (_, settings) => {
    const { exit, output } = await cli.run({ DATABASE_URL: database.url, ...settings });
    expect({ exit, output }).toEqual({ exit: "it started", output: expect.not.stringContaining("own-key-1") });
  });
});
