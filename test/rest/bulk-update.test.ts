import { beforeAll, describe, expect, test } from "vitest";
import { expectInvalid, expectStatus } from "./answer.ts";
import {
  createOwner,
  createTask,
  type GoalRow,
  type GoalWithRelations,
  idsOf,
  type PageOf,
  type TaskRow,
  unknownId,
} from "./rows.ts";
import { useRestServer } from "./server.ts";

const { call } = useRestServer();

let goal: GoalRow;
beforeAll(async () => {
  goal = await createOwner(call);
});

const bulk = (task_ids: unknown, new_state: unknown) =>
  call("POST", "/api/v1/tasks/bulk-update-state", { body: { task_ids, new_state } });

const read = async (task: TaskRow) => expectStatus(await call<TaskRow>("GET", `/api/v1/tasks/${task.id}`), 200);
const newTasks = (count: number) => Promise.all(Array.from({ length: count }, () => createTask(call, goal)));

describe("REST: POST /tasks/bulk-update-state", () => {
  test("returns 200 with the count, and changes the state of these tasks and nothing else", async () => {
    const [first, second, other] = (await newTasks(3)) as [TaskRow, TaskRow, TaskRow];
    const answer = await bulk([first.id, second.id], "drifted");
    expect(expectStatus(answer, 200)).toStrictEqual({ updated_count: 2 });
    expect(answer.headers.get("location")).toBeNull();
    expect(await read(first)).toStrictEqual({ ...first, state: "drifted" });
    expect(await read(second)).toStrictEqual({ ...second, state: "drifted" });
    expect(await read(other)).toStrictEqual(other);
  });

  test.each(["scheduled", "drifted", "completed", "missed"])("sets %s", async (state) => {
    const [task] = (await newTasks(1)) as [TaskRow];
    expectStatus(await bulk([task.id], state), 200);
    expect((await read(task)).state).toBe(state);
  });

  test("duplicates count once, in either case of letters", async () => {
    const [task] = (await newTasks(1)) as [TaskRow];
    expect(expectStatus(await bulk([task.id, task.id, task.id.toUpperCase()], "missed"), 200)).toEqual({
      updated_count: 1,
    });
  });

  test("ids that do not exist are skipped", async () => {
    const [task] = (await newTasks(1)) as [TaskRow];
    expect(expectStatus(await bulk([unknownId(), task.id, unknownId()], "missed"), 200)).toEqual({ updated_count: 1 });
    expect((await read(task)).state).toBe("missed");
    expect(expectStatus(await bulk([unknownId()], "missed"), 200)).toEqual({ updated_count: 0 });
  });

  test("1,000 ids are accepted, 1,001 and none are rejected", async () => {
    const structure = {
      goal: { user_id: goal.user_id, title: "Much to do" },
      milestones: [{ week_number: 1, title: "m", tasks: Array.from({ length: 1_001 }, () => ({ title: "t" })) }],
    };
    const made = await call<GoalWithRelations>("POST", "/api/v1/goals/with-structure", { body: structure });
    const ids = idsOf(expectStatus(made, 201).tasks);
    expectInvalid(await bulk(ids, "completed"), "task_ids");
    expectInvalid(await bulk([], "completed"), "task_ids");
    const completed = `/api/v1/tasks/?goal_id=${made.body.id}&state=completed&limit=1`;
    expect(expectStatus(await call<PageOf<TaskRow>>("GET", completed), 200).total).toBe(0);
    expect(expectStatus(await bulk(ids.slice(0, 1_000), "completed"), 200)).toEqual({ updated_count: 1_000 });
    expect(expectStatus(await call<PageOf<TaskRow>>("GET", completed), 200).total).toBe(1_000);
  });
});

describe("REST: POST /tasks/bulk-update-state, bad bodies change nothing", () => {
  test.each([
    ["an invalid id, named by its index", (id: string) => [[id, "x", id, ""], "missed"], ["task_ids.1", "task_ids.3"]],
    ["a number for an id", (id: string) => [[id, 1], "missed"], ["task_ids.1"]],
    ["null for an id", (id: string) => [[id, null], "missed"], ["task_ids.1"]],
    ["an unknown state", (id: string) => [[id], "done"], ["new_state"]],
    ["null for the state", (id: string) => [[id], null], ["new_state"]],
    ["the state in a list", (id: string) => [[id], ["missed"]], ["new_state"]],
    ["the state in an object", (id: string) => [[id], { value: "missed" }], ["new_state"]],
    ["one id without a list", (id: string) => [id, "missed"], ["task_ids"]],
    ["null for the list", () => [null, "missed"], ["task_ids"]],
    ["an object for the list", (id: string) => [{ 0: id, length: 1 }, "missed"], ["task_ids"]],
    ["nothing", () => [undefined, undefined], ["task_ids", "new_state"]],
  ])("%s", async (_, parts, paths) => {
    const [task] = (await newTasks(1)) as [TaskRow];
    const [ids, state] = parts(task.id);
    expectInvalid(await bulk(ids, state), ...paths);
    expect(await read(task)).toStrictEqual(task);
  });
});
