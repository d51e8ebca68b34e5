import { describe, expect, test } from "vitest";
import { expectInvalid, expectStatus } from "./answer.ts";
import { createOwner, createTask, type GoalRow, type Statistics, unknownId } from "./rows.ts";
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

/** A goal whose user has these numbers of tasks by state. */
async function ownerOfTasks(counts: Readonly<Record<string, number>>): Promise<GoalRow> {
  const goal = await createOwner(call);
  const states = Object.entries(counts).flatMap(([state, count]) => Array.from({ length: count }, () => state));
  await Promise.all(states.map((state) => createTask(call, goal, { state })));
  return goal;
}

describe("REST: GET /tasks/statistics", () => {
  test("has the guide's shape: all four states, 0 for none, which the Python service omitted", async () => {
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

  test("an instant from a response is within the range, whatever microseconds the database holds", async () => {
    const goal = await createOwner(call);
    const task = await createTask(call, goal);
    for (const micros of ["10:00:00.123000", "10:00:00.123456", "10:00:00.123999"]) {
      await server.sql(`update tasks set created_at = '2026-02-15T${micros}Z' where id = '${task.id}'`);
      const { created_at } = expectStatus(await call<typeof task>("GET", `/api/v1/tasks/${task.id}`), 200);
      expect(created_at).toBe("2026-02-15T10:00:00.123Z");
      expect((await ofUser(goal.user_id, { start_date: created_at, end_date: created_at })).total_tasks).toBe(1);
    }
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
