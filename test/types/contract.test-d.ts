import {
  createDaoServices,
  type DaoServices,
  DaoTaskService,
  DaoUnitOfWork,
  type Database,
  type DatabaseSession,
  type GoalService,
  type GoalWithRelationsDto,
  joinDrizzle,
  type Page,
  type TaskChangeDto,
  type TaskCreateDto,
  type TaskDto,
  type TaskService,
  type TaskUpdateDto,
  type UserCreateDto,
  type UserDto,
} from "@flux/dao-core";
import { drizzle as drizzlePg } from "drizzle-orm/node-postgres";
import { drizzle as drizzlePostgres } from "drizzle-orm/postgres-js";
import { describe, expectTypeOf, test } from "vitest";

declare const database: Database;
declare const tasks: TaskService;

describe("DTOs", () => {
  test("instants are Dates, enums are unions of strings, nullable is null", () => {
    expectTypeOf<TaskDto["createdAt"]>().toEqualTypeOf<Date>();
    expectTypeOf<TaskDto["startTime"]>().toEqualTypeOf<Date | null>();
    expectTypeOf<TaskDto["state"]>().toEqualTypeOf<"scheduled" | "drifted" | "completed" | "missed">();
    expectTypeOf<TaskDto["priority"]>().toEqualTypeOf<"standard" | "important" | "must-not-miss">();
    expectTypeOf<TaskDto["milestoneId"]>().toEqualTypeOf<string | null>();
    expectTypeOf<UserDto["preferences"]>().not.toBeAny();
  });

  test("fields with a default may be omitted, others may not", () => {
    expectTypeOf<{ userId: string; goalId: string; title: string }>().toExtend<TaskCreateDto>();
    expectTypeOf<{ userId: string; title: string }>().not.toExtend<TaskCreateDto>();
    expectTypeOf<{ name: string; email: string; preferences: null }>().toExtend<UserCreateDto>();
    expectTypeOf<{ name: null; email: string }>().not.toExtend<UserCreateDto>();
  });

  test("an update may omit all fields, clears with null, and cannot change a row's owner", () => {
    expectTypeOf<object>().toExtend<TaskUpdateDto>();
    expectTypeOf<{ endTime: null }>().toExtend<TaskUpdateDto>();
    expectTypeOf<{ title: null }>().not.toExtend<TaskUpdateDto>();
    expectTypeOf<TaskUpdateDto>().not.toHaveProperty("goalId");
  });
});

describe("services", () => {
  test("a service class implements its interface, on any session", () => {
    expectTypeOf(DaoTaskService).toBeConstructibleWith(database);
    expectTypeOf<DaoTaskService>().toExtend<TaskService>();
    expectTypeOf(createDaoServices).parameter(0).toEqualTypeOf<DatabaseSession>();
    expectTypeOf(createDaoServices(database)).toEqualTypeOf<DaoServices>();
  });

  test("the types of results", () => {
    expectTypeOf(tasks.listTasks()).resolves.toEqualTypeOf<Page<TaskDto>>();
    expectTypeOf(tasks.deleteTask("id")).resolves.toEqualTypeOf<void>();
    expectTypeOf<Awaited<ReturnType<GoalService["createGoalWithStructure"]>>>().toEqualTypeOf<GoalWithRelationsDto>();
  });

  test("lists in an input may be readonly", () => {
    const ids: readonly string[] = [];
    const state = ["drifted", "missed"] as const;
    const changes: readonly TaskChangeDto[] = [];
    expectTypeOf(tasks.listTasks).toBeCallableWith({ id: ids, state });
    expectTypeOf(tasks.bulkUpdateState).toBeCallableWith({ taskIds: ids, newState: "missed" });
    expectTypeOf(tasks.updateTasks).toBeCallableWith({ updates: changes });
  });

  test("a filter of another entity is rejected", () => {
    expectTypeOf(tasks.listTasks).parameter(0).exclude<undefined>().not.toHaveProperty("email");
  });
});

describe("a unit of work", () => {
  test("returns the result of its callback, and is a session", () => {
    expectTypeOf(DaoUnitOfWork.run(database, async () => 3)).resolves.toEqualTypeOf<number>();
    expectTypeOf<DaoUnitOfWork>().toExtend<DatabaseSession>();
  });

  test("can only be obtained from run", () => {
    // @ts-expect-error the constructor is private: only a callback can tell success from failure
    new DaoUnitOfWork(database);
  });
});

test("a host's Drizzle of any driver can be joined, with or without a transaction", () => {
  const postgresJs = drizzlePostgres.mock();
  const nodePostgres = drizzlePg.mock();
  expectTypeOf(joinDrizzle).toBeCallableWith(postgresJs);
  expectTypeOf(joinDrizzle).toBeCallableWith(nodePostgres);
  void postgresJs.transaction(async (transaction) => void joinDrizzle(transaction));
  void nodePostgres.transaction(async (transaction) => void joinDrizzle(transaction));
});
