import postgres from "postgres";
import { expect, test } from "vitest";
import { expectStatus } from "./answer.ts";
import { uniqueEmail } from "./rows.ts";
import { useRestServer } from "./server.ts";

const server = useRestServer();

test("a request with a key starts the cleanup of expired keys", async () => {
  const { call, databaseUrl } = server;
  const sql = postgres(databaseUrl, { max: 1 });
  try {
    await sql`insert into idempotency_keys (scope, key, fingerprint, result, created_at)
      select 'x', 'old ' || n, '', '{}', now() - interval '24 hours 1 second' from generate_series(1, 2500) n
      union all select 'x', 'young', '', '{}', now() - interval '23 hours'`;
    const left = async () =>
      Number((await sql`select count(*)::int as n from idempotency_keys where scope = 'x'`)[0]?.["n"]);
    const create = async (headers: Readonly<Record<string, string>>) =>
      expectStatus(await call("POST", "/api/v1/users/", { body: { name: "a", email: uniqueEmail() }, headers }), 201);
    await create({});
    expect(await left(), "a request without a key cleans up nothing").toBe(2_501);
    await create({ "Idempotency-Key": "a" });
    // The end of the cleanup is not reported.
    await expect.poll(left).toBe(1);
    const [row] = await sql`select key from idempotency_keys where scope = 'x'`;
    expect(row).toEqual({ key: "young" });
  } finally {
    await sql.end();
  }
});
