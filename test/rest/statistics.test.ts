import { describe, expect, test } from "vitest";
import { expectInvalid, expectStatus } from "./answer.ts";
import { createOwner, createTask, createUser, type GoalRow, type Statistics, unknownId } from "./rows.ts";
import { useRestServer } from "./server.ts";

const server = useRestServer();
const { call } = server;

const EVER = { start_date: "0001-01-01T00:00:00Z", end_date: "9999-12-31T23:59:59.999Z" };
const NONE = { scheduled: 0, drifted: 0, completed: 0, missed: 0 };

function statistics(parameters: Record<string, string>) {
  return call<Statistics>("GET", `/api/v1/tasks/statistics?${new URLSearchParams(parameters)}`);
}

async function ofUser(user_id: string, range: { start_date: string; end_date: string } = EVER) {
  return expectStatus(await statistics({ user_id, ...range }), 200);
}

/** A goal whose user has so many tasks of each state. */
async function ownerOfTasks(counts: Readonly<Record<string, number>>): Promise<GoalRow> {
  const goal = await createOwner(call);
  const states = Object.entries(counts).flatMap(([state, count]) => Array.from({ length: count }, () => state));
  await Promise.all(states.map((state) => createTask(call, goal, { state })));
  return goal;
}

describe("REST: GET /tasks/statistics", () => {
  test("has the guide's shape: all four states, 0 where none, as the Python service left them out", async () => {
    const { user_id } = await ownerOfTasks({ completed: 2, missed: 1 });
    // Other users' tasks do not count.
    await ownerOfTasks({ drifted: 3 });
    const stats = await ofUser(user_id);
    expect(stats).toStrictEqual({
      user_id,
      total_tasks: 3,
      by_state: { ...NONE, completed: 2, missed: 1 },
      completion_rate: 0.6667,
    });
    expect(Object.keys(stats)).toEqual(["user_id", "total_tasks", "by_state", "completion_rate"]);
  });

  test.each([
    [{ completed: 1, missed: 2 }, 0.3333],
    [{ completed: 25, scheduled: 10, drifted: 5, missed: 2 }, 0.5952],
    [{ completed: 1, drifted: 7 }, 0.125],
    [{ completed: 1, drifted: 15 }, 0.0625],
    [{ completed: 4 }, 1],
    [{ scheduled: 4 }, 0],
  ])("completion_rate of %j is %d, rounded to 4 decimals", async (counts, rate) => {
    const { user_id } = await ownerOfTasks(counts);
    const total_tasks = Object.values(counts).reduce((sum, count) => sum + count);
    expect(await ofUser(user_id)).toStrictEqual({
      user_id,
      total_tasks,
      by_state: { ...NONE, ...counts },
      completion_rate: rate,
    });
  });

  test("0 where there is no task, and where there is no such user", async () => {
    for (const user_id of [(await createUser(call)).id, unknownId()]) {
      expect(await ofUser(user_id)).toStrictEqual({ user_id, total_tasks: 0, by_state: NONE, completion_rate: 0 });
    }
  });

  test("counts tasks whose created_at is within the range, both ends included", async () => {
    const goal = await createOwner(call);
    const { created_at } = await createTask(call, goal, { start_time: "2020-01-01T00:00:00Z" });
    const beside = (milliseconds: number) => new Date(Date.parse(created_at) + milliseconds).toISOString();
    const count = async (start_date: string, end_date: string) =>
      (await ofUser(goal.user_id, { start_date, end_date })).total_tasks;
    expect(await count(created_at, created_at)).toBe(1);
    expect(await count(beside(-1), created_at)).toBe(1);
    expect(await count(created_at, beside(1))).toBe(1);
    expect(await count(beside(1), beside(2))).toBe(0);
    expect(await count(beside(-2), beside(-1))).toBe(0);
    // The start of the task has nothing to do with it.
    expect(await count("2020-01-01T00:00:00Z", "2020-01-02T00:00:00Z")).toBe(0);
  });

  test("the moment that an answer showed is within, whatever the database holds below the millisecond", async () => {
    const goal = await createOwner(call);
    const task = await createTask(call, goal);
    for (const micros of ["10:00:00.123000", "10:00:00.123456", "10:00:00.123999"]) {
      await server.sql(`update tasks set created_at = '2026-02-15T${micros}Z' where id = '${task.id}'`);
      const { created_at } = expectStatus(await call<typeof task>("GET", `/api/v1/tasks/${task.id}`), 200);
      expect(created_at).toBe("2026-02-15T10:00:00.123Z");
      expect((await ofUser(goal.user_id, { start_date: created_at, end_date: created_at })).total_tasks).toBe(1);
    }
  });

  test("what a bulk update does is seen by the next call", async () => {
    const goal = await createOwner(call);
    const task = await createTask(call, goal);
    await call("POST", "/api/v1/tasks/bulk-update-state", { body: { task_ids: [task.id], new_state: "completed" } });
    expect(await ofUser(goal.user_id)).toMatchObject({ by_state: { ...NONE, completed: 1 }, completion_rate: 1 });
  });
});

describe("REST: GET /tasks/statistics, bad parameters", () => {
  const user_id = unknownId();

  test("a start after its end is a validation error", async () => {
    const answer = await statistics({ user_id, start_date: EVER.end_date, end_date: EVER.start_date });
    expect(expectStatus(answer, 400)).toMatchObject({
      errors: [{ path: expect.stringMatching(/^(start|end)_date$/) }],
    });
  });

  test("all three are required, and named in the caller's spelling", async () => {
    expectInvalid(await statistics({}), "user_id", "start_date", "end_date");
    expectInvalid(await statistics({ user_id, start_date: EVER.start_date }), "end_date");
    expectInvalid(await statistics({ ...EVER }), "user_id");
  });

  test("bad, unknown and repeated ones", async () => {
    expectInvalid(
      await statistics({ user_id: "x", start_date: "2026-02-15", end_date: "x" }),
      "user_id",
      "start_date",
      "end_date",
    );
    expectInvalid(await statistics({ user_id, ...EVER, days: "30" }), "days");
    expectInvalid(
      await call("GET", `/api/v1/tasks/statistics?${new URLSearchParams({ user_id, ...EVER })}&user_id=${user_id}`),
      "user_id",
    );
  });
});
