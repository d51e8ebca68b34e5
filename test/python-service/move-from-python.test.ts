import { readFileSync } from "node:fs";
import { openDatabase } from "@flux/dao-core";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { PYTHON_SERVICE_DDL, SECOND_MIGRATION } from "../../packages/dao-core/test/python-service-database.ts";
import { type RestServer, startRestServer } from "../rest/server.ts";
import { DIFFERENCES, type Rows } from "./differences.ts";
import { command, type Service, send, startPythonService } from "./python-service.ts";
import { RecordedSql } from "./recorded-sql.ts";

/** The page's steps, on a database created by the Python service, with that service running beside ours if it is available. */
const page = readFileSync(new URL("../../docs/how-to/move-from-python.md", import.meta.url), "utf8");
const NAME = `flux_beside_${crypto.randomUUID().replaceAll("-", "")}`;

let python: (Service & AsyncDisposable) | undefined;
let server: RestServer;
let ours: Service;
let sql: RecordedSql;
let rows: Rows;
let before: string;

async function onServer(work: (sql: postgres.Sql) => Promise<unknown>, url = inject("adminUrl")) {
  const connection = postgres(url, { max: 1, onnotice: () => undefined });
  await work(connection).finally(() => connection.end());
}

beforeAll(async () => {
  await onServer((admin) => admin.unsafe(`create database ${NAME}`));
  const url = new URL(inject("adminUrl"));
  url.pathname = `/${NAME}`;
  await onServer((own) => own.unsafe(PYTHON_SERVICE_DDL + SECOND_MIGRATION), url.href);
  sql = await RecordedSql.connect(url.href);
  if (command !== undefined) python = await startPythonService(url.href);
  before = await sql.user("before@example.com", "null");
  // 2. Migrate, while the Python service keeps running.
  const database = await openDatabase(url.href);
  expect(await database.migrate({ changes: true })).toMatchObject({
    adopted: true,
    changesEnabled: true,
    violations: [],
  });
  await database.close();
  // 3. Run both.
  server = await startRestServer({ databaseUrl: url.href });
  ours = { url: server.baseUrl };
  const user = await sql.user("jane@example.com", "{}");
  const goal = await sql.goal(user);
  rows = {
    user,
    goal,
    milestone: await sql.milestone(goal),
    task: await sql.task(user, goal, "2026-02-15T10:00:00.123456+00:00"),
    early: await sql.conversation(user, null, "[]"),
    planned: await sql.conversation(user, goal, JSON.stringify(JSON.stringify([{ role: "user" }]))),
    bare: await sql.user("bare@example.com", "null"),
  };
}, 120_000);

afterAll(async () => {
  await server?.stop();
  await python?.[Symbol.asyncDispose]();
  await sql?.end();
  await onServer((admin) => admin.unsafe(`drop database if exists ${NAME} with (force)`));
});

describe("the Python service's SQL, on a database that we have migrated", () => {
  test("works, including JSON null and the planner's strings, and its rows can be read here", async () => {
    expect(await send(ours, "GET", `/users/${before}`)).toMatchObject({ status: 200, body: { preferences: {} } });
    await sql.setPreferences(rows.user, '{"a": 1}');
    expect(await send(ours, "GET", `/users/${rows.user}`)).toMatchObject({ body: { preferences: { a: 1 } } });
    await sql.setPreferences(rows.user, "null");
    expect(await send(ours, "GET", `/users/${rows.user}`)).toMatchObject({ body: { preferences: {} } });
    const conversation = await sql.conversation(rows.user, rows.goal, "null");
    expect(await send(ours, "GET", `/conversations/${conversation}`)).toMatchObject({ body: { messages: [] } });
    const append = { body: { messages: ["more"] } };
    expect(await send(ours, "POST", `/conversations/${conversation}/messages`, append)).toMatchObject({ status: 200 });
    await sql.setMessages(conversation, JSON.stringify('{"state": "open"}'));
    const planned = { messages: ['{"state": "open"}'] };
    expect(await send(ours, "GET", `/conversations/${conversation}`)).toMatchObject({ body: planned });
    await sql.setMessages(conversation, "[]");
    const task = await sql.task(rows.user, rows.goal, "2026-02-15T10:00:00.123456+00:00");
    await sql.setState(task, "completed");
    expect(await send(ours, "GET", `/tasks/${task}`)).toMatchObject({ body: { state: "completed" } });
    await sql.demoFlags(rows.user);
    expect(await send(ours, "GET", `/demo-flags/${rows.user}`)).toMatchObject({ body: { escalation_speed: 2 } });
    const told = await send(ours, "GET", `/changes?user_id=${rows.user}&limit=1000`);
    const changes = Object(told.body).items.map((change: Record<string, unknown>) =>
      Object.values(change).slice(1, 4).join(" "),
    );
    expect(changes).toEqual(
      expect.arrayContaining([
        `user created ${rows.user}`,
        `user updated ${rows.user}`,
        `milestone created ${rows.milestone}`,
        `conversation updated ${conversation}`,
        `task created ${task}`,
        `task updated ${task}`,
        `demo_flags created ${rows.user}`,
      ]),
    );
  });

  test("numbers that no double represents are read as JavaScript parses them", async () => {
    const id = await sql.user("numbers@example.com", '{"a": 9007199254740993, "b": 12345678901234567890}');
    const preferences = { a: 2 ** 53, b: 12345678901234567000 };
    expect(await send(ours, "GET", `/users/${id}`)).toMatchObject({ body: { preferences } });
  });
});

describe.skipIf(command === undefined)("the Python service itself, beside ours", () => {
  const other = (): Service => {
    if (python === undefined) throw new Error("The Python service does not run.");
    return python;
  };

  test("each reads what the other writes, and neither rejects it", async () => {
    const pairs = [
      [other(), ours],
      [ours, other()],
    ] as const;
    for (const [index, [writer, reader]] of pairs.entries()) {
      // FastAPI from 0.118 on responds before it commits: its writes become visible a moment later.
      const eventually = (service: Service, path: string, expected: object) =>
        expect.poll(() => send(service, "GET", path)).toMatchObject(expected);
      const read = (path: string, body: object) => eventually(reader, path, { status: 200, body });
      const create = async (path: string, body: object, whole = (id: string) => `${path}${id}`): Promise<string> => {
        const { status, body: row } = await send(writer, "POST", path, { body });
        expect(status, JSON.stringify(row)).toBe(201);
        const { id } = row as { id: string };
        await read(whole(id), { id });
        return id;
      };
      const write = async (method: string, path: string, body: object) => {
        expect(await send(writer, method, path, { body })).toMatchObject({ status: 200 });
      };
      const user_id = await create("/users/", {
        name: "Both",
        email: `both.${index}@example.com`,
        preferences: null,
      });
      const goal_id = await create("/goals/", { user_id, title: "g" });
      const milestone_id = await create("/milestones/", { goal_id, week_number: 2, title: "m" });
      const times = { start_time: "2026-02-15T10:00:00.123Z", end_time: "2026-02-15T11:00:00.456Z" };
      const ids = { user_id, goal_id, milestone_id };
      const task = await create("/tasks/", { ...ids, title: "t", ...times, priority: "must-not-miss" });
      await read(`/tasks/${task}`, { ...ids, priority: "must-not-miss", calendar_event_id: null });
      const conversation = await create("/conversations/", { user_id, goal_id, messages: null });
      const messages = [{ role: "user", content: "Hello" }];
      await write("PATCH", `/conversations/${conversation}`, { messages });
      await read(`/conversations/${conversation}`, { messages, status: "open" });
      await write("PATCH", `/users/${user_id}`, { preferences: { theme: "dark" } });
      await read(`/users/${user_id}`, { preferences: { theme: "dark" } });
      await write("PATCH", `/users/${user_id}`, { preferences: null, name: "Bare" });
      await read(`/users/${user_id}`, { name: "Bare", demo_mode: false });
      const flags = { user_id, virtual_now: "2026-03-01T08:00:00.000Z", escalation_speed: 2 };
      await write("PUT", `/demo-flags/${user_id}`, flags);
      await read(`/demo-flags/${user_id}`, { escalation_speed: 2 });
      const milestones = [{ week_number: 1, title: "m", tasks: [{ title: "t" }] }];
      const structure = { goal: { user_id, title: "s" }, milestones };
      const whole = await create("/goals/with-structure", structure, (id) => `/goals/${id}`);
      await read(`/goals/${whole}/full`, { milestones: [{ title: "m" }], tasks: [{ title: "t" }] });
      await read(`/goals/${goal_id}/full`, { milestones: [{ id: milestone_id }], tasks: [{ id: task }] });
      expect(await send(reader, "DELETE", `/users/${user_id}`)).toMatchObject({ status: 204 });
      await eventually(writer, `/tasks/${task}`, { status: 404 });
    }
  });

  test("a task that ends at its own start, as read here, can be read by the other service", async () => {
    const id = await sql.task(rows.user, rows.goal, "2026-02-15T10:00:00.123456+00:00");
    const { body } = await send(ours, "GET", `/tasks/${id}`);
    const { start_time: end_time } = body as { start_time: string };
    expect(await send(ours, "PATCH", `/tasks/${id}`, { body: { end_time } })).toMatchObject({ status: 200 });
    expect(await send(other(), "GET", `/tasks/${id}`)).toMatchObject({ status: 200 });
  });

  test.each(DIFFERENCES)("$row ($what)", async (difference) => {
    expect(await difference.send(other(), rows)).toMatchObject(difference.python);
  });
});

describe("what callers notice, as in the page's table", () => {
  test.each(DIFFERENCES)("$row ($what)", async (difference) => {
    expect(await difference.send(ours, rows)).toMatchObject(difference.ours);
  });

  test("every row of the table is tested, and there are no other differences", () => {
    const table = page.split("| | Python service | this one |")[1]?.split("\n\n")[0] ?? "";
    const named = table.split("\n").flatMap((line) => /^\| (?<row>[^|]+?) \|/.exec(line)?.groups?.["row"] ?? []);
    const tried = [...new Set(DIFFERENCES.map(({ row }) => row))];
    expect(
      named.filter((name) => !name.startsWith("-")).filter((name) => !tried.some((row) => name.startsWith(row))),
    ).toEqual([]);
    expect(tried.filter((row) => !named.some((name) => name.startsWith(row)))).toEqual([]);
  });
});
