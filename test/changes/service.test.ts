import { setTimeout as delay } from "node:timers/promises";
import { createTestDatabase } from "@flux/dao-core/testing";
import postgres from "postgres";
import { describe, expect, inject, test } from "vitest";
import { openStream } from "../rest/change-stream.ts";
import { useCli } from "../rest/cli-process.ts";
import { KEYS } from "../rest/server.ts";

const cli = useCli();
const CHANGES = "/api/v1/changes";
const headers = { "X-Flux-Service-Key": KEYS.observer };

describe("the service", () => {
  test("deletes changes that are not kept any longer, and a follower is told", async () => {
    await using made = await createTestDatabase({ serverUrl: inject("adminUrl"), changes: true });
    const sql = postgres(made.url, { max: 1, onnotice: () => undefined });
    await sql`insert into users (name, email) select 'n', n || '@example.com' from generate_series(1, 1500) n`;
    await sql`select flux_dao_position_changes(2000)`;
    const [{ cursor = "" } = {}] = await sql`select position || '-' || to_hex(token) as cursor from flux_dao_changes
      where position = 3`;
    await sql`update flux_dao_changes set changed_at = now() - interval '2 days 1 second' where position <= 1200`;
    await using service = cli.start({ DATABASE_URL: made.url, DB_CHANGES_RETENTION_DAYS: "2" });
    const get = async (path: string) => fetch((await service.started) + path, { headers });
    await get("/health");
    expect((await get("/api/v1/users/?limit=1")).status).toBe(200);
    const left = async () => Number((await sql`select count(*)::int as n from flux_dao_changes`)[0]?.["n"]);
    await expect.poll(left).toBe(300);
    expect((await get(`${CHANGES}?cursor=${cursor}`)).status).toBe(410);
    const { items } = Object(await (await get(`${CHANGES}?limit=1000`)).json());
    expect(items).toHaveLength(300);
    await sql.end();
  });

  test("of several processes stops at once, and those who wait have their cursor", async () => {
    await using made = await createTestDatabase({ serverUrl: inject("adminUrl"), changes: true });
    await using service = cli.start({ DATABASE_URL: made.url, PROCESSES: "2" });
    const baseUrl = await service.started;
    const pages = Array.from({ length: 8 }, () => fetch(`${baseUrl}${CHANGES}?wait=25&cursor=now`, { headers }));
    const streams = await Promise.all(Array.from({ length: 8 }, () => openStream(baseUrl, "cursor=now")));
    for (const { next } of streams) await next();
    // The pages came before the streams, but on other connections.
    await delay(200);
    const begun = performance.now();
    service.kill("SIGTERM");
    for (const page of pages) expect(await (await page).json()).toMatchObject({ items: [], has_next: false });
    for (const { next } of streams) {
      expect(await next()).toHaveProperty("next_cursor");
      expect(await next()).toBeUndefined();
    }
    expect(await service.exited).toBe(0);
    expect(performance.now() - begun).toBeLessThan(8_000);
  });
});
