import {
  createDaoServices,
  createPieceServices,
  DaoUnitOfWork,
  Database,
  type DatabaseSession,
  isLongRow,
  isLongValue,
  type LongRow,
  openDatabase,
  type RowPieces,
  type SqlDriver,
  type SqlParameter,
} from "@flux/dao-core";
import { createTestDatabase, makeUserData, type TestDatabase } from "@flux/dao-core/testing";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { parseDatabaseUrl } from "../src/connection-string/database-url.ts";
import { postgresDriver } from "../src/drivers/postgres/driver.ts";

let database: TestDatabase;
let sql: postgres.Sql;
beforeAll(async () => {
  database = await createTestDatabase({ serverUrl: inject("adminUrl") });
  sql = postgres(database.url, { max: 2, onnotice: () => undefined });
});
afterAll(async () => {
  await sql.end();
  await database.drop();
});

/** Inserts a conversation with this text as its only message, bypassing the library; returns its id. */
async function insertConversation(userId: string, expression: string): Promise<string> {
  const [row] = await sql.unsafe<{ id: string }[]>(
    `insert into conversations (user_id, messages) values ($1, jsonb_build_array(${expression})) returning id`,
    [userId],
  );
  return row?.id ?? "";
}

const piecesOf = ({ pieces }: DatabaseSession) => {
  if (pieces === undefined) throw new Error("the session does not support reads in pieces");
  return pieces;
};

const reads = () => createPieceServices(piecesOf(database.database)).reads;

async function newUser(): Promise<string> {
  const { id } = await createDaoServices(database.database).users.createUser(makeUserData());
  return id;
}

async function* once(row: LongRow): AsyncGenerator<LongRow, void, undefined> {
  yield row;
}

/** All rows, long ones reassembled from their parts, and the number of characters of the largest part. */
async function collect(rows: RowPieces): Promise<{ rows: object[]; largest: number; ids: string[] }> {
  const all: object[] = [];
  let largest = 0;
  for await (const piece of rows) {
    if (!isLongRow(piece)) {
      all.push(...piece);
      continue;
    }
    const row = await piece.inParts();
    if (row === null) continue;
    for (const [name, value] of Object.entries(row)) {
      if (!isLongValue(value)) continue;
      let text = "";
      for await (const part of value.parts) {
        largest = Math.max(largest, part.length);
        text += part;
      }
      Reflect.set(row, name, value.isJson ? JSON.parse(text) : text);
    }
    all.push(row);
  }
  return { rows: all, largest, ids: all.map((row) => String(Reflect.get(row, "id"))) };
}

describe("a list in pieces", () => {
  test.each([
    ["short rows", "'short'::text"],
    ["rows of which some fit at a time", "repeat(md5(random()::text), 3000)"],
    ["rows that compress well", "repeat('a', 300000)"],
    ["rows of which many fit as they are stored", "repeat('a', 700000)"],
    ["rows without a message", "repeat('', 0)"],
    ["rows longer than a piece", "repeat(md5(random()::text), 20000)"],
    ["rows of several parts", "repeat('äöü', 2000000)"],
    ["numbers with long text forms", "(select jsonb_agg(1e308::numeric) from generate_series(1, 3000))"],
  ])("has all of %s, as the service lists them", async (_, expression) => {
    const userId = await newUser();
    for (let count = 0; count < 4; count++) await insertConversation(userId, expression);
    const services = createDaoServices(database.database);
    const whole = await services.conversations.listConversations({ userId, pageSize: 3 });
    const opened = await reads()["conversations.listConversations"]?.({ userId, pageSize: 3 });
    if (opened?.kind === "whole") {
      expect(opened.result).toEqual(whole);
      return;
    }
    if (opened?.kind !== "page") throw new Error("no page");
    expect(opened.page).toEqual({ ...whole, items: [] });
    const { rows, largest } = await collect(opened.rows);
    expect(rows).toEqual(whole.items);
    expect(largest).toBeLessThanOrEqual(4_194_304);
  });

  test("omits a row that was deleted meanwhile, and fails at one that changed between its parts", async () => {
    const userId = await newUser();
    const long = "repeat('long', 2500000)";
    const [oldest, middle] = [await insertConversation(userId, long), await insertConversation(userId, long)];
    const opened = await reads()["conversations.listConversations"]?.({ userId });
    if (opened?.kind !== "page") throw new Error("no page");
    await sql`delete from conversations where id = ${middle}`;
    expect(opened.page.total).toBe(2);
    expect((await collect(opened.rows)).ids).toEqual([oldest]);

    const found = await reads()["conversations.getConversation"]?.(oldest);
    if (found?.kind !== "row" || !isLongRow(found.row)) throw new Error("no long row");
    const row = Object(await found.row.inParts());
    await sql`update conversations set status = 'changed' where id = ${oldest}`;
    await expect(row.messages.parts.next()).rejects.toThrow("The row changed while it was read");
  });

  test("stops reading a row when its reader is gone, and the pool remains usable", async () => {
    const userId = await newUser();
    const id = await insertConversation(userId, "repeat('long', 2500000)");
    const found = await reads()["conversations.getConversation"]?.(id);
    if (found?.kind !== "row") throw new Error("no long row");
    const gone = new AbortController();
    const row = Object(await found.row.inParts(gone.signal));
    await sql.begin(async (locking) => {
      // Otherwise the part may arrive before the cancel request.
      await locking`lock table conversations in access exclusive mode`;
      const part = row.messages.parts.next();
      gone.abort();
      await expect(part).rejects.toBe(gone.signal.reason);
    });
    expect((await collect(once(found.row))).ids).toEqual([id]);
  });

  test("reads other writers' JSON as the service does", async () => {
    const userId = await newUser();
    const text = `to_jsonb('["' || repeat('x', 1000000) || '"]')`;
    await sql.unsafe(`insert into conversations (user_id, messages) values ($1, ${text}), ($1, 'null'), ($1, '"a"')`, [
      userId,
    ]);
    const { items } = await createDaoServices(database.database).conversations.listConversations({ userId });
    const opened = await reads()["conversations.listConversations"]?.({ userId });
    if (opened?.kind !== "page") throw new Error("no page");
    expect((await collect(opened.rows)).rows).toEqual(items);
  });
});

/** A database that records each statement and the number of characters of its result. */
function recordingDatabase() {
  const location = parseDatabaseUrl(database.url);
  if (location.kind !== "postgres") throw new Error("needs a server");
  const driver = postgresDriver(location, { poolSize: 2 });
  const statements: { text: string; parameters: SqlParameter[]; length: number }[] = [];
  const recording: SqlDriver = {
    description: driver.description,
    isTransaction: false,
    async execute(text, parameters, options) {
      const result = await driver.execute(text, parameters, options);
      const length = result.rows.flat().reduce<number>((sum, value) => sum + String(value).length, 0);
      statements.push({ text, parameters: [...parameters], length });
      return result;
    },
    transaction: (work, options) => driver.transaction(work, options),
    close: (timeout) => driver.close(timeout),
  };
  return { database: new Database(recording), statements };
}

test("for a page of rows that compress well the server reads no more than fits", async () => {
  const userId = await newUser();
  // 350 MB of JSON, stored in four MB.
  await sql`insert into conversations (user_id, messages)
    select ${userId}, jsonb_build_array(n, repeat('well ', 700000)) from generate_series(1, 100) n`;
  const { database: own, statements } = recordingDatabase();
  const opened = await createPieceServices(piecesOf(own)).reads["conversations.listConversations"]?.({
    userId,
    count: "none",
  });
  await own.close();
  expect(opened?.kind).toBe("page");
  expect(statements).toHaveLength(1);
  const [{ text, parameters } = { text: "", parameters: [] }] = statements;
  const [row] = await sql.unsafe(`explain (analyze, buffers, format json) ${text}`, parameters);
  const plan: Record<string, number> = row?.["QUERY PLAN"][0].Plan;
  const pages = (plan["Shared Hit Blocks"] ?? 0) + (plan["Shared Read Blocks"] ?? 0);
  // All of them together take 500 pages.
  expect(pages).toBeGreaterThan(0);
  expect(pages).toBeLessThan(100);
});

test("a stream reads long tasks in batches, and returns all of them", async () => {
  const userId = await newUser();
  const { id: goalId } = await createDaoServices(database.database).goals.createGoal({ userId, title: "adopted" });
  await sql`alter table tasks drop constraint tasks_title_length`;
  await sql`insert into tasks (user_id, goal_id, title)
    select ${userId}, ${goalId}, repeat('t', case when n % 10 = 0 then 700000 else 100000 end) || n from generate_series(1, 60) n`;
  const expected = await sql<
    { title: string }[]
  >`select title from tasks where goal_id = ${goalId} order by created_at desc, id desc`;
  const { database: own, statements } = recordingDatabase();
  const read: string[] = [];
  for await (const { title } of createDaoServices(own).tasks.streamTasks({ goalId })) read.push(title);
  expect(read).toEqual(expected.map(({ title }) => title));
  await DaoUnitOfWork.run(own, async (uow) => {
    let count = 0;
    for await (const { title } of createDaoServices(uow).tasks.streamTasks({ goalId }))
      count += title.length > 0 ? 1 : 0;
    expect(count).toBe(60);
  });
  await own.close();
  expect(Math.max(...statements.map(({ length }) => length))).toBeLessThan(800_000);
});

test("a row whose estimated size exceeds an integer is measured", async () => {
  const userId = await newUser();
  await sql`alter table conversations alter column messages set storage external`;
  const id = await insertConversation(userId, "repeat('x', 140000000)");
  await sql`alter table conversations alter column messages set storage extended`;
  const opened = await reads()["conversations.getConversation"]?.(id);
  const list = await reads()["conversations.listConversations"]?.({ userId });
  await sql`delete from conversations where id = ${id}`;
  expect(opened?.kind === "row" && isLongRow(opened.row)).toBe(true);
  expect(list?.kind).toBe("page");
});

test("long text is read in parts like JSON", async () => {
  const { goals } = createDaoServices(database.database);
  const userId = await newUser();
  const timeline = '"\\\n😀'.repeat(200_000);
  const goal = await goals.createGoal({ userId, title: "long", timeline });
  const opened = await reads()["goals.getGoalFull"]?.(goal.id);
  if (opened?.kind !== "goal" || !isLongRow(opened.goal)) throw new Error("no long goal");
  expect((await collect(once(opened.goal))).rows).toEqual([goal]);
});

test("a goal with many tasks, and a range of them, are in the order of the services", async () => {
  const { goals, tasks } = createDaoServices(database.database);
  const userId = await newUser();
  const { id: goalId } = await goals.createGoal({ userId, title: "many" });
  await sql`insert into tasks (user_id, goal_id, title, start_time)
    select ${userId}, ${goalId}, 'task ' || n, case when n % 7 > 0 then '2026-01-01T00:00:00.000123Z'::timestamptz + (n % 50) * interval '1 hour' end
    from generate_series(1, 2500) n`;
  await sql`insert into milestones (goal_id, title, week_number, status)
    select ${goalId}, 'week ' || n, n % 40 + 1, repeat('s', 9000) from generate_series(1, 120) n`;
  const whole = await goals.getGoalFull(goalId);
  const opened = await reads()["goals.getGoalFull"]?.(goalId);
  if (opened?.kind !== "goal") throw new Error("no goal");
  expect((await collect(opened.milestones)).rows).toEqual(whole.milestones);
  expect((await collect(opened.tasks)).rows).toEqual(whole.tasks);

  const request = { userId, startTime: new Date("2026-01-01T01:00:00Z"), endTime: new Date("2026-01-03T01:00:00Z") };
  const range = await reads()["tasks.getTasksByTimerange"]?.(request);
  if (range?.kind !== "list") throw new Error("no list");
  const inRange = await tasks.getTasksByTimerange(request);
  expect(inRange.length).toBeGreaterThan(2_000);
  expect((await collect(range.rows)).rows).toEqual(inRange);
});

test("a short row is read by one statement without a running sum, and a long one by the guarded statement", async () => {
  const statements: string[] = [];
  await using observed = await openDatabase(database.url, { onStatement: ({ text }) => statements.push(text) });
  const observedReads = createPieceServices(observed.pieces).reads;
  const userId = await newUser();
  statements.length = 0;
  expect(await observedReads["users.getUser"]?.(userId)).toMatchObject({ kind: "whole" });
  expect(statements).toEqual([expect.not.stringContaining("so_far")]);
  const longId = await insertConversation(userId, "repeat('a', 600000)");
  statements.length = 0;
  expect(await observedReads["conversations.getConversation"]?.(longId)).toMatchObject({ kind: "row" });
  expect(statements).toEqual([expect.not.stringContaining("so_far"), expect.stringContaining("so_far")]);
});

test("a small goal is read by one statement, as of one snapshot", async () => {
  const { goals } = createDaoServices(database.database);
  const userId = await newUser();
  const whole = await goals.createGoalWithStructure({
    goal: { userId, title: "small" },
    milestones: [{ weekNumber: 1, title: "first", tasks: [{ title: "one" }] }],
  });
  const opened = await reads()["goals.getGoalFull"]?.(whole.id);
  expect(opened).toEqual({ kind: "whole", result: await goals.getGoalFull(whole.id) });
});

test("missing rows and invalid requests are rejected as by the services", async () => {
  const id = "00000000-0000-7000-8000-000000000000";
  await expect(reads()["conversations.getConversation"]?.(id)).rejects.toThrow(`No conversation has the id ${id}`);
  await expect(reads()["goals.getGoalFull"]?.(id)).rejects.toThrow(`No goal has the id ${id}`);
  await expect(reads()["tasks.listTasks"]?.({ pageSize: 101 })).rejects.toThrow("pageSize must be at most 100");
});
