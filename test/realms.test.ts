import { readFile } from "node:fs/promises";
import { runInNewContext } from "node:vm";
import { createDaoServices, DaoUnitOfWork, type TaskDto, versionOf } from "@flux/dao-core";
import { createTestDatabase, makeUserData, type TestDatabase } from "@flux/dao-core/testing";
import { createDaoApp } from "@flux/dao-http";
import { createDaoClient } from "@flux/dao-http/client";
import { Window } from "happy-dom";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";

let testDatabase: TestDatabase;
beforeAll(async () => {
  testDatabase = await createTestDatabase({ serverUrl: inject("adminUrl") });
});
afterAll(() => testDatabase.drop());

function overHttp() {
  const app = createDaoApp({ services: testDatabase.database, keys: [{ name: "realms", key: "realms-key" }] });
  const fetch = (url: string | URL | Request, init?: RequestInit) => app.fetch(new Request(url, init));
  return createDaoClient({ baseUrl: "http://dao.test", serviceKey: "realms-key", fetch });
}

/** A value of another realm, as `structuredClone` and `fetch` return them under Jest. */
const foreign = (code: string) => runInNewContext(code);
const start = () => foreign('new Date("2026-03-02T07:00:00Z")');
const end = () => foreign('new Date("2026-03-02T08:00:00Z")');

describe.each([
  { how: "in-process", open: () => createDaoServices(testDatabase.database) },
  { how: "by the client", open: overHttp },
])("values of another realm, $how", ({ open }) => {
  const own = async () => {
    const { users, goals } = open();
    const user = await users.createUser({
      ...makeUserData(),
      preferences: foreign('({ a: [{ b: 1 }], c: { d: "e" } })'),
    });
    expect(user.preferences).toEqual({ a: [{ b: 1 }], c: { d: "e" } });
    return {
      userId: user.id,
      goalId: (await goals.createGoal(foreign(`({ userId: "${user.id}", title: "Run" })`))).id,
    };
  };

  test("are stored: JSON, lists, whole inputs, and Dates, which come back as Dates of ours", async () => {
    const owner = await own();
    const { tasks, goals, conversations } = open();
    const task = await tasks.createTask({ ...owner, title: "Run 3 km", startTime: start(), endTime: end() });
    expect(task.startTime).toBeInstanceOf(Date);
    expect(task.startTime).toEqual(new Date("2026-03-02T07:00:00Z"));
    await tasks.updateTask(task.id, { endTime: foreign('new Date("2026-03-02T09:00:00Z")') });
    await tasks.createTasks([{ ...owner, title: "Run 5 km", startTime: start() }]);
    const found = await tasks.getTasksByTimerange({ userId: owner.userId, startTime: start(), endTime: end() });
    expect(found.map(({ title }) => title).sort()).toEqual(["Run 3 km", "Run 5 km"]);
    const goal = { userId: owner.userId, title: "Swim" };
    const milestones = [{ weekNumber: 1, title: "Base", tasks: [{ title: "Swim", startTime: start() }] }];
    await goals.createGoalWithStructure({ goal, milestones });
    const conversation = await conversations.createConversation({ ...owner, messages: foreign('[{ role: "user" }]') });
    await conversations.appendMessages(conversation.id, { messages: foreign('[{ role: "agent", at: null }]') });
  });

  test("are refused like ours: invalid dates, and instances of classes in JSON", async () => {
    const owner = await own();
    const { tasks, users } = open();
    const invalid = tasks.createTask({ ...owner, title: "Run", startTime: foreign('new Date("never")') });
    await expect(invalid).rejects.toThrow(/startTime must be/);
    for (const code of ["new (class A {})()", "new Map()", "new Date(0)"]) {
      const user = users.createUser({ ...makeUserData(), preferences: { a: foreign(code) } });
      await expect(user, code).rejects.toMatchObject({ code: "validation_failed" });
    }
  });

  test("a signal aborts with its reason", async () => {
    const { AbortController } = new Window();
    const controller = new AbortController();
    const signal = controller.signal as unknown as AbortSignal;
    expect(signal).not.toBeInstanceOf(AbortSignal);
    await open().users.listUsers({}, { signal });
    const reason = new Error("changed my mind");
    controller.abort(reason);
    await expect(open().users.listUsers({}, { signal })).rejects.toBe(reason);
  });
});

test("DAOs take them without validation, and a version is that of our own values", async () => {
  const task = await DaoUnitOfWork.run(testDatabase.database, async ({ users, goals, tasks }) => {
    const { id: userId } = await users.create({ ...makeUserData(), preferences: foreign("({ a: 1 })") });
    const { id: goalId } = await goals.create({ userId, title: "Run" });
    return tasks.create({ userId, goalId, title: "Run", startTime: start(), endTime: end() });
  });
  const clone: TaskDto = { ...task, startTime: start(), endTime: end() };
  expect(versionOf(clone)).toBe(versionOf(task));
});

test("both packages know values by the same rules", async () => {
  const [core, http] = await Promise.all(
    ["dao-core/src/contract/fields", "dao-http/src/wire"].map((folder) =>
      readFile(new URL(`../packages/${folder}/realms.ts`, import.meta.url), "utf8"),
    ),
  );
  expect(http).toBe(core);
});
