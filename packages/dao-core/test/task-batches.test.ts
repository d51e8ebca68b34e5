import { EventEmitter, once } from "node:events";
import { createDaoServices, DaoUnitOfWork, type TaskImportDto } from "@flux/dao-core";
import {
  createTestDatabase,
  makeGoalData,
  makeTaskData,
  makeUserData,
  type TestDatabase,
} from "@flux/dao-core/testing";
import postgres from "postgres";
import { afterAll, beforeAll, expect, inject, test } from "vitest";

const MANY = 2_345;

let testDatabase: TestDatabase;
beforeAll(async () => {
  testDatabase = await createTestDatabase({ serverUrl: inject("adminUrl") });
});
afterAll(() => testDatabase.drop());

async function newGoal() {
  const { users, goals } = createDaoServices(testDatabase.database);
  const user = await users.createUser(makeUserData());
  return goals.createGoal(makeGoalData(user.id));
}

function* newTasks(count: number, { id, userId }: { readonly id: string; readonly userId: string }) {
  for (let index = 0; index < count; index++) yield makeTaskData(userId, id);
}

/** A gate that one task waits for until another one opens it. */
function newGate() {
  const gate = new EventEmitter();
  const opened = once(gate, "open");
  return { opened, open: () => gate.emit("open") };
}

test("the source of an import may read the same database, outside of the import's transaction", async () => {
  const { tasks } = createDaoServices(testDatabase.database);
  const [from, to] = [await newGoal(), await newGoal()];
  await tasks.createTasks(newTasks(MANY, from));
  async function* copies(): AsyncGenerator<TaskImportDto> {
    for await (const { id, createdAt, ...task } of tasks.streamTasks({ goalId: from.id })) {
      yield { ...task, userId: to.userId, goalId: to.id };
    }
  }
  expect(await tasks.createTasks(copies())).toEqual({ createdCount: MANY });
  expect((await tasks.listTasks({ goalId: to.id })).total).toBe(MANY);
});

test("inside a unit of work an import is part of it, and a failed one is rolled back alone", async () => {
  const goal = await newGoal();
  const { database } = testDatabase;
  await DaoUnitOfWork.run(database, async (uow) => {
    const { tasks } = createDaoServices(uow);
    await tasks.createTasks(newTasks(MANY, goal));
    const broken = [...newTasks(MANY, goal), { ...makeTaskData(goal.userId, goal.id), title: "" }];
    await expect(tasks.createTasks(broken)).rejects.toMatchObject({ code: "validation_failed" });
    await tasks.createTasks(newTasks(1, goal));
  });
  const { tasks } = createDaoServices(database);
  expect((await tasks.listTasks({ goalId: goal.id })).total).toBe(MANY + 1);
  const undone = DaoUnitOfWork.run(database, async (uow) => {
    await createDaoServices(uow).tasks.createTasks(newTasks(MANY, goal));
    throw new Error("undo");
  });
  await expect(undone).rejects.toThrow("undo");
  expect((await tasks.listTasks({ goalId: goal.id })).total).toBe(MANY + 1);
});

test("inside a repeatable-read unit of work a stream reads one snapshot", async () => {
  const goal = await newGoal();
  const { database } = testDatabase;
  const outside = createDaoServices(database).tasks;
  await outside.createTasks(newTasks(MANY, goal));
  const begun = newGate();
  const changed = newGate();
  const counting = DaoUnitOfWork.run(
    database,
    async (uow) => {
      const states = new Map<string, number>();
      for await (const { state } of createDaoServices(uow).tasks.streamTasks({ goalId: goal.id })) {
        begun.open();
        await changed.opened;
        states.set(state, (states.get(state) ?? 0) + 1);
      }
      return [...states];
    },
    { isolationLevel: "repeatable read", readOnly: true },
  );
  await begun.opened;
  const { items } = await outside.listTasks({ goalId: goal.id, skip: 2_300 });
  await outside.bulkUpdateState({ taskIds: items.map(({ id }) => id), newState: "missed" });
  changed.open();
  expect(await counting).toEqual([["scheduled", MANY]]);
});

test("an abandoned stream stops its query, and the connections remain usable", async () => {
  const { tasks } = createDaoServices(testDatabase.database);
  const goal = await newGoal();
  await tasks.createTasks(newTasks(MANY, goal));
  for (let round = 0; round < 20; round++) {
    for await (const { goalId } of tasks.streamTasks({ goalId: goal.id })) {
      expect(goalId).toBe(goal.id);
      break;
    }
  }
  expect((await tasks.listTasks({ goalId: goal.id })).total).toBe(MANY);
});

test("an import, or a structure, whose rows a trigger drops is an error, and nothing of the import remains", async () => {
  const goal = await newGoal();
  const { tasks } = createDaoServices(testDatabase.database);
  const sql = postgres(testDatabase.url, { max: 1, onnotice: () => undefined });
  await sql.unsafe(`create function swallow() returns trigger language plpgsql as $$ begin return null; end $$;
    create trigger swallow before insert on tasks for each row when (new.title = 'swallowed') execute function swallow()`);
  const source = [...newTasks(MANY, goal), makeTaskData(goal.userId, goal.id, { title: "swallowed" })];
  await expect(tasks.createTasks(source)).rejects.toThrow("look for a trigger");
  expect((await tasks.listTasks({ goalId: goal.id })).total).toBe(0);
  const structure = {
    goal: makeGoalData(goal.userId),
    milestones: [{ weekNumber: 1, title: "One", tasks: [{ title: "kept" }, { title: "swallowed" }] }],
  };
  const created = createDaoServices(testDatabase.database).goals.createGoalWithStructure(structure);
  await expect(created).rejects.toThrow("look for a trigger");
  await sql.unsafe("drop function swallow cascade");
  await sql.end();
});

test.each(["scheduled,missed", "{missed}", '"missed"x', "missed\\", ""])(
  "a DAO rejects %j as a state, as PostgreSQL does",
  async (state) => {
    const { id: goalId, userId } = await newGoal();
    const task: TaskImportDto = Object.assign({ ...makeTaskData(userId, goalId) }, { state });
    const { tasks } = testDatabase.database;
    const writing = tasks.createMany([task, makeTaskData(userId, goalId)]);
    await expect(writing).rejects.toMatchObject({ code: "validation_failed" });
    expect(await tasks.count({ goalId })).toBe(0);
  },
);
