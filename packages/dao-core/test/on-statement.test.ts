import { createDaoServices, DaoUnitOfWork, openDatabase, type StatementReport } from "@flux/dao-core";
import { createTestDatabase, makeGoalData, makeUserData, type TestDatabase } from "@flux/dao-core/testing";
import { afterAll, beforeAll, expect, inject, test } from "vitest";

let testDatabase: TestDatabase;
beforeAll(async () => {
  testDatabase = await createTestDatabase({ serverUrl: inject("adminUrl") });
});
afterAll(() => testDatabase.drop());

test("onStatement is notified of every statement, in and outside of units of work, without its parameters", async () => {
  const told: StatementReport[] = [];
  await using db = await openDatabase(testDatabase.url, {
    onStatement: (statement) => {
      told.push(statement);
      throw new Error("An observer may throw.");
    },
  });
  const { users, goals } = createDaoServices(db);
  const user = await users.createUser(makeUserData());
  await users.listUsers({ email: user.email, count: "none" });
  await DaoUnitOfWork.run(db, async (uow) => {
    await uow.goals.create(makeGoalData(user.id));
    await DaoUnitOfWork.run(uow, (nested) => nested.goals.create(makeGoalData(user.id)));
  });
  await expect(goals.createGoal(makeGoalData(crypto.randomUUID()))).rejects.toMatchObject({
    code: "related_row_missing",
  });
  expect(told.map(({ text }) => text.split(" ", 3).join(" "))).toEqual([
    'insert into "public"."users"',
    'select "id" as',
    'insert into "public"."goals"',
    'insert into "public"."goals"',
    'insert into "public"."goals"',
  ]);
  expect(told.map(({ count }) => count)).toEqual([1, 1, 1, 1, undefined]);
  expect(told.at(-1)?.error).toMatchObject({ code: "23503" });
  for (const { text, milliseconds } of told) {
    expect(text).not.toContain(user.id);
    expect(milliseconds).toBeGreaterThan(0);
  }
});
