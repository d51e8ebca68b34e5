import postgres from "postgres";
import { afterEach, describe, expect, test } from "vitest";
import { VERSION } from "../../packages/dao-http/src/wire/version.gen.ts";
import { faultyNetwork } from "../faulty-network.ts";
import { within } from "../within.ts";
import { type Answer, expectStatus } from "./answer.ts";
import { startRestServer, useRestServer } from "./server.ts";

const server = useRestServer();
const { call } = server;

/** The response of `/ready` while the service should receive no requests; within 2 s (contract, "REST"). */
async function expectNotReady(probe: typeof call): Promise<string> {
  const answer = await within(2_000, () => probe<{ detail: string }>("GET", "/ready"));
  const body = expectStatus(answer, 503);
  expect(body).toStrictEqual({ status: "not_ready", detail: expect.stringMatching(/^\S.*\.$/s) });
  expect(answer.headers.get("content-type")).toMatch(/^application\/json\b/);
  return body.detail;
}

describe("REST: GET /health and GET /ready", () => {
  test.each([
    ["/health", `{"status":"ok","version":"${VERSION}"}`],
    ["/ready", '{"status":"ready"}'],
  ])("%s is 200 %s", async (path, text) => {
    const answer = await call("GET", path);
    expectStatus(answer, 200);
    expect(answer.text).toBe(text);
    expect(answer.headers.get("content-type")).toMatch(/^application\/json\b/);
  });

  test("200 concurrent probes all get a response", async () => {
    const answers = await Promise.all(Array.from({ length: 200 }, () => call("GET", "/ready")));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
  });
});

test("REST: /ready and /health are 200 while a lock on one table blocks every connection and fills the queue", async () => {
  await using busy = await startRestServer({ databaseUrl: server.databaseUrl, poolSize: 2, maxWaiting: 3 });
  const sql = postgres(server.databaseUrl, { max: 2, onnotice: () => undefined });
  const requests: Promise<Answer>[] = [];
  await sql.begin(async (locked) => {
    await locked`lock table users in access exclusive mode`;
    requests.push(...Array.from({ length: 40 }, () => busy.call("GET", "/api/v1/users/")));
    await expect
      .poll(async () => {
        const waiting = await sql`select from pg_locks where not granted and relation = 'users'::regclass
          and database = (select oid from pg_database where datname = current_database())`;
        return waiting.length;
      })
      .toBe(2);
    for (let probe = 0; probe < 5; probe++) {
      expectStatus(await busy.call("GET", "/ready"), 200);
      expectStatus(await busy.call("GET", "/health"), 200);
    }
  });
  await Promise.all(requests);
  await sql.end();
});

describe("REST: GET /ready is 503 if the schema is not the one that the code needs", () => {
  afterEach(async () => {
    await server.sql("alter table if exists hidden rename to flux_dao_migrations");
    await server.sql("delete from flux_dao_migrations where version > 9000");
    await server.sql("update flux_dao_migrations set version = version + 9000 where version < 1");
    expectStatus(await call("GET", "/ready"), 200);
  });

  test("a newer schema; both versions are named", async () => {
    await server.sql("insert into flux_dao_migrations (version, name, checksum) values (9001, '9001_later', 'x')");
    const detail = await expectNotReady(call);
    expect(detail).toMatch(/\b9001\b/);
    expect(detail).toMatch(/newer/);
    expectStatus(await call("GET", "/health"), 200);
  });

  test("an older schema", async () => {
    await server.sql("update flux_dao_migrations set version = version - 9000");
    await expectNotReady(call);
  });

  test("no schema", async () => {
    await server.sql("alter table flux_dao_migrations rename to hidden");
    await expectNotReady(call);
    expectStatus(await call("GET", "/health"), 200);
  });
});

describe("REST: GET /ready is 503 within 2 s when the database does not respond", { timeout: 20_000 }, () => {
  test("while the network drops everything, and 200 again afterwards", async () => {
    await using network = await faultyNetwork(server.databaseUrl);
    await using behind = await startRestServer({ databaseUrl: network.url });
    expectStatus(await behind.call("GET", "/ready"), 200);
    network.freeze();
    await expectNotReady(behind.call);
    // No further request waits for the hanging connection.
    await expectNotReady(behind.call);
    expectStatus(await behind.call("GET", "/health"), 200);
    network.thaw();
    await expect.poll(async () => (await behind.call("GET", "/ready")).status, { timeout: 10_000 }).toBe(200);
  });

  test("while connections are refused, and 200 again afterwards", async () => {
    await using network = await faultyNetwork(server.databaseUrl);
    await using behind = await startRestServer({ databaseUrl: network.url });
    expectStatus(await behind.call("GET", "/ready"), 200);
    await network.leave();
    await expectNotReady(behind.call);
    expectStatus(await behind.call("GET", "/health"), 200);
    await network.comeBack();
    await expect.poll(async () => (await behind.call("GET", "/ready")).status, { timeout: 10_000 }).toBe(200);
  });
});
