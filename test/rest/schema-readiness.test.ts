import { describe, expect, test } from "vitest";
import { expectStatus } from "./answer.ts";
import { KEYS, useRestServer } from "./server.ts";

const server = useRestServer();
const { call } = server;

/** The detail of `/ready` when it is 503. */
async function notReady(): Promise<string> {
  return expectStatus(await call<{ detail: string }>("GET", "/ready"), 503).detail;
}

describe("REST: GET /ready is 503 if requests would fail, and says why", () => {
  test("a missing column: from the first request that needs it, and until it is back", async () => {
    expectStatus(await call("GET", "/ready"), 200);
    await server.sql("alter table tasks rename priority to importance");
    const refused = await fetch(`${server.baseUrl}/api/v1/tasks/`, {
      headers: { "x-flux-service-key": KEYS.scheduler },
    });
    expect(refused.status).toBe(503);
    expect(await notReady()).toContain("the column tasks.priority is missing");
    await server.sql("alter table tasks rename importance to priority");
    expectStatus(await call("GET", "/ready"), 200);
    expectStatus(await call("GET", "/api/v1/tasks/"), 200);
  });

  test("a read-only server, until it accepts writes", async () => {
    const readOnly = (setting: "on" | "off") =>
      server.sql(`set transaction_read_only to off;
        do $$ begin
          execute format('alter database %I set default_transaction_read_only to ${setting}', current_database());
        end $$;
        select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and application_name = 'flux-dao'`);
    await readOnly("on");
    await expect.poll(notReady, { timeout: 10_000 }).toMatch(/is read-only: its transactions are read-only/);
    await readOnly("off");
    await expect.poll(async () => (await call("GET", "/ready")).status, { timeout: 10_000 }).toBe(200);
  });
});
