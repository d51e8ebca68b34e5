import { createTestDatabase, makeDemoData, type TestDatabase } from "@flux/dao-core/testing";
import postgres from "postgres";
import { afterEach, beforeEach, describe, expect, inject, test } from "vitest";
import { useCommand } from "./run-command.ts";

const run = useCommand();

const TABLES = ["users", "goals", "milestones", "tasks", "conversations", "demo_flags"] as const;

describe("flux-dao seed", () => {
  let database: TestDatabase;
  let sql: postgres.Sql;
  beforeEach(async () => {
    database = await createTestDatabase({ serverUrl: inject("adminUrl") });
    sql = postgres(database.url, { max: 1, onnotice: () => undefined });
  });
  afterEach(async () => {
    await sql.end();
    await database.drop();
  });

  const seed = (...args: string[]) => run(["seed", ...args], { DATABASE_URL: database.url });

  /** All rows, as text, without their creation times. */
  const rows = async () => {
    const tables = await Promise.all(
      TABLES.map((table) => sql.unsafe(`select (to_jsonb(r) - 'created_at')::text as row from ${table} r order by 1`)),
    );
    return tables.map((table) => table.map(({ row }) => String(row)));
  };

  const userCount = async () => Number((await sql`select count(*) from users`)[0]?.["count"]);

  test("writes the same rows for the same options, and reports them", async () => {
    const args = ["--users", "12", "--tasks", "900", "--seed", "3", "--from", "2026-03-02"];
    const { exit, stdout, stderr } = await seed(...args, "--json");
    expect({ exit, stderr }).toEqual({ exit: 0, stderr: "" });
    const first = await rows();
    const [users, goals, milestones, tasks, conversations, demoFlags] = first.map((table) => table.length);
    expect({ users, tasks }).toEqual({ users: 12, tasks: 900 });
    expect(JSON.parse(stdout)).toEqual({
      isComplete: true,
      ...{ seed: 3, users: 12, tasks: 900, from: "2026-03-02" },
      written: { users, goals, milestones, tasks, conversations, demoFlags },
      present: 0,
      milliseconds: expect.any(Number),
    });
    await sql`truncate users cascade`;
    const again = await seed(...args);
    expect({ ...again, stderr: "" }).toEqual({ exit: 0, stdout: "", stderr: "" });
    expect(again.stderr).toMatch(/^Written in \d+\.\d s: 12 users, .*, 900 tasks, /);
    expect(again.stderr).toContain("flux-dao seed --users 12 --tasks 900 --seed 3 --from 2026-03-02\n");
    expect(again.stderr).not.toContain("\u001b");
    expect(await rows()).toEqual(first);
  });

  test("refuses a database that has users, unless --add is given", async () => {
    await sql`insert into users (name, email) values ('Ada', 'ada@example.com')`;
    const refused = await seed("--users", "2");
    expect(refused).toMatchObject({ exit: 1, stdout: "" });
    expect(refused.stderr).toMatch(/ already has 1 user\. Nothing was written\. .* add --add\.\n$/);
    const { error } = JSON.parse((await seed("--users", "2", "--json")).stdout);
    expect(error).toMatchObject({ code: "conflict", message: expect.stringMatching(/ already has 1 user\. /) });
    expect(await userCount()).toBe(1);
    expect((await seed("--users", "2", "--tasks", "0", "--add")).exit).toBe(0);
    expect(await userCount()).toBe(3);
  });

  test("reports a database that was not migrated", async () => {
    await sql`drop table flux_dao_migrations`;
    const { exit, stderr } = await seed();
    expect(exit).toBe(1);
    expect(stderr).toMatch(/^[A-Z][^\n]*\.\n$/);
  });

  test("stopped by Ctrl-C it leaves complete users; with --add it continues to the same result", async () => {
    const args = ["--users", "40", "--tasks", "12000", "--from", "2026-03-02"];
    // After the first users the others wait, until the signal is there.
    await sql.unsafe(`create function wait_for_lock() returns trigger language plpgsql as $$ begin
        if exists (select from users) then perform pg_advisory_xact_lock_shared(1); end if; return new; end $$;
      create trigger wait before insert on users for each row execute function wait_for_lock();
      select pg_advisory_lock(1)`);
    const stopped = await run(["seed", ...args, "--json"], { DATABASE_URL: database.url }, async (command) => {
      await expect.poll(userCount).toBeGreaterThan(0);
      command.kill("SIGINT");
      await sql`select pg_advisory_unlock(1)`;
    });
    expect({ exit: stopped.exit, stderr: stopped.stderr }).toEqual({ exit: 1, stderr: "" });
    const { isComplete, written } = JSON.parse(stopped.stdout);
    expect(isComplete).toBe(false);
    expect(written.users).toBeLessThan(40);
    expect(written.users).toBe(await userCount());
    expect((await rows()).map((table) => table.length)).toEqual(Object.values(written));

    const rest = await seed(...args, "--add", "--json");
    expect(JSON.parse(rest.stdout)).toMatchObject({ isComplete: true, present: written.users });
    const users = [...makeDemoData({ users: 40, tasks: 12_000, from: new Date("2026-03-02") })];
    const tasks = users.flatMap(({ goals }) => goals.flatMap((goal) => [...goal.tasks]));
    const ids = await sql`select id from users union all select id from tasks`;
    expect(ids.map(({ id }) => id).sort()).toEqual([...users, ...tasks].map(({ id }) => id).sort());
  });
});
