import { createDaoServices, joinPgPool, type TaskDto } from "@flux/dao-core";
import { createTestDatabase, makeUserData, type TestDatabase } from "@flux/dao-core/testing";
import fc from "fast-check";
import type pg from "pg";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { openPool } from "./pg-pool.ts";

/** With offsets of seconds in the past, beyond half a day, and such as no place has. */
const ZONES = [
  ...["UTC", "Asia/Kolkata", "Asia/Kathmandu", "America/New_York", "Africa/Monrovia", "Europe/Amsterdam"],
  ...["Pacific/Kiritimati", "Pacific/Pago_Pago", "<far>-14:59", "<far>+15:59:00"],
];

const EDGES = [
  ...["-infinity", "4714-11-24 00:00:00Z BC", "0001-12-31 23:59:59.999999Z BC", "0001-01-01 00:00:00Z"],
  ...["0001-01-01 00:00:00.000999Z", "0001-01-01 16:00:00Z", "0099-12-31 23:59:59.5Z", "0100-01-01 00:00:00Z"],
  ...["1883-11-18 17:00:00Z", "1969-12-31 23:59:59.999999Z", "2026-03-08 07:30:00Z", "2028-02-29 12:00:00.123456Z"],
  ...["9999-12-31 08:00:00Z", "9999-12-31 23:59:59.999Z", "9999-12-31 23:59:59.999999Z", "10000-01-01 00:00:00Z"],
  ...["10000-01-01 14:00:00Z", "294276-12-31 08:00:00Z", "infinity"],
];

/** Milliseconds since 1970, and microseconds: around the ends of the range, and within it. */
const anyInstant = fc
  .oneof(...["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999Z", "2026-02-15T10:00:00Z"].map(around))
  .chain((time) => fc.integer({ min: 0, max: 999 }).map((micros) => `${time} ${micros}`));

function around(iso: string) {
  const day = 86_400_000;
  return fc.integer({ min: -2 * day, max: 2 * day }).map((distance) => Date.parse(iso) + distance);
}

let testDatabase: TestDatabase;
let pool: pg.Pool;
let goalId: string;
/** The times of each task in milliseconds, as the database sees them. */
let expected: ReadonlyMap<string, number>;

beforeAll(async () => {
  testDatabase = await createTestDatabase({ serverUrl: inject("adminUrl"), poolSize: 1 });
  pool = openPool(testDatabase.url, 1);
  const { users, goals } = createDaoServices(testDatabase.database);
  const { id: userId } = await users.createUser(makeUserData());
  ({ id: goalId } = await goals.createGoal({ userId, title: "Edges" }));

  // Rows of the Python service may violate it.
  await pool.query("alter table tasks drop constraint tasks_start_time_range");
  const instants = fc.sample(anyInstant, 100);
  await pool.query(
    `with instants (at) as (
       select unnest($3::text[])::timestamptz
       union all
       select 'epoch'::timestamptz + split_part(parts, ' ', 1)::bigint * interval '1 ms'
         + split_part(parts, ' ', 2)::bigint * interval '1 us' from unnest($4::text[]) as parts
     )
     insert into tasks (user_id, goal_id, title, start_time, created_at) select $1, $2, at::text, at, at from instants`,
    [userId, goalId, EDGES, instants],
  );
  const { rows } = await pool.query<{ id: string; time: string }>(
    `select id, floor(extract(epoch from greatest('0001-01-01 00:00:00Z', least(start_time, '9999-12-31 23:59:59.999Z'))) * 1000)
       as time from tasks`,
  );
  expected = new Map(rows.map(({ id, time }) => [id, Number(time)]));
});
afterAll(async () => {
  await pool.end();
  await testDatabase.drop();
});

test.each(ZONES)(
  "in a session whose time zone is %s every instant is read correctly, and every page is returned once",
  async (zone) => {
    await pool.query(`set time zone '${zone}'`);
    const { tasks, goals } = createDaoServices(joinPgPool(pool));
    const found: TaskDto[] = [];
    let cursor: string | null | undefined;
    while (cursor !== null) {
      const page = await tasks.listTasks({ goalId, pageSize: 7, ...(cursor !== undefined && { cursor }) });
      found.push(...page.items);
      cursor = page.nextCursor;
    }
    // Within JSON too, which uses another format.
    const full = await goals.getGoalFull(goalId);
    expect(found).toHaveLength(expected.size);
    for (const rows of [found, full.tasks]) {
      const read = new Map(rows.map(({ id, startTime }) => [id, startTime?.getTime()]));
      expect(read).toEqual(expected);
      for (const { id, createdAt } of rows) expect(createdAt.getTime()).toBe(expected.get(id));
    }
  },
);

test.each(["<far>-16", "<far>+24", "<far>-167"])(
  "the time zone %s, whose output PostgreSQL cannot parse, is rejected at once",
  async (zone) => {
    await pool.query(`set time zone '${zone}'`);
    const { tasks } = createDaoServices(joinPgPool(pool));
    await expect(tasks.listTasks({ goalId, pageSize: 7 })).rejects.toThrow(
      /TimeZone to one less than 16 hours from UTC/,
    );
    await expect(pool.query("select now()::text::timestamptz")).rejects.toMatchObject({ code: "22009" });
  },
);
