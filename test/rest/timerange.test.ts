import { beforeAll, describe, expect, test } from "vitest";
import { expectInvalid, expectStatus } from "./answer.ts";
import {
  createGoal,
  createOwner,
  createTask,
  createUser,
  type GoalRow,
  idsOf,
  type TaskRow,
  unknownId,
} from "./rows.ts";
import { useRestServer } from "./server.ts";

const server = useRestServer();
const { call } = server;

const FROM = "2026-02-15T00:00:00.000Z";
const TO = "2026-02-15T23:59:59.999Z";

let goal: GoalRow;
const tasks: Record<string, TaskRow> = {};

beforeAll(async () => {
  goal = await createOwner(call);
  const at = async (name: string, start_time: string | null, fields: object = {}) => {
    tasks[name] = await createTask(call, goal, { title: name, start_time, ...fields });
  };
  await at("noon", "2026-02-15T12:00:00.000Z", { state: "completed", end_time: "2026-02-17T00:00:00Z" });
  await at("end", TO);
  await at("after", "2026-02-16T00:00:00.000Z");
  await at("start", FROM);
  await at("before", "2026-02-14T23:59:59.999Z", { end_time: TO });
  await at("noon too", "2026-02-15T12:00:00.000Z");
  await at("never", null);
  await at("end only", null, { end_time: "2026-02-15T12:00:00Z" });
  // Other users' tasks do not count.
  await createTask(call, await createOwner(call), { start_time: "2026-02-15T12:00:00Z" });
});

function timerange(parameters: Record<string, string>) {
  return call<readonly TaskRow[]>("GET", `/api/v1/tasks/by-timerange?${new URLSearchParams(parameters)}`);
}

const titles = async (start_time: string, end_time: string, user_id = goal.user_id) =>
  expectStatus(await timerange({ user_id, start_time, end_time }), 200).map((task) => task.title);

describe("REST: GET /tasks/by-timerange", () => {
  test("is a plain array of whole rows, by start_time then id, both ends included", async () => {
    const found = expectStatus(await timerange({ user_id: goal.user_id, start_time: FROM, end_time: TO }), 200);
    const sameMoment = [tasks["noon"], tasks["noon too"]].sort((a, b) => ((a?.id ?? "") < (b?.id ?? "") ? -1 : 1));
    expect(found).toStrictEqual([tasks["start"], ...sameMoment, tasks["end"]]);
  });

  test("tasks of one moment are by id, in whatever order they were written", async () => {
    const goal = await createOwner(call);
    const ids = ["cccccccc", "aaaaaaaa", "eeeeeeee", "bbbbbbbb", "dddddddd"].map((start) =>
      unknownId().replace(/^.{8}/, start),
    );
    const rows = ids.map((id) => `('${id}', '${goal.user_id}', '${goal.id}', 't', '2031-01-01T00:00:00Z')`);
    await server.sql(`insert into tasks (id, user_id, goal_id, title, start_time) values ${rows.join(", ")}`);
    const day = { start_time: "2031-01-01T00:00:00Z", end_time: "2031-01-02T00:00:00Z" };
    const found = expectStatus(await timerange({ user_id: goal.user_id, ...day }), 200);
    expect(idsOf(found)).toEqual([...ids].sort());
  });

  test("the start of the task counts, not its end, and one without a start is in no range", async () => {
    expect(await titles("0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999Z")).toEqual([
      "before",
      "start",
      ...["noon", "noon too"].sort((a, b) => ((tasks[a]?.id ?? "") < (tasks[b]?.id ?? "") ? -1 : 1)),
      "end",
      "after",
    ]);
    expect(await titles("2026-02-16T00:00:00.001Z", "2026-02-17T00:00:00Z")).toEqual([]);
  });

  test("a range of one moment finds what starts then", async () => {
    expect(await titles(FROM, FROM)).toEqual(["start"]);
    expect(await titles(TO, TO)).toEqual(["end"]);
    expect(await titles("2026-02-15T00:00:00.001Z", "2026-02-15T00:00:00.001Z")).toEqual([]);
  });

  test("both ends may have an offset", async () => {
    expect(await titles("2026-02-15T01:00:00+01:00", "2026-02-14T19:00:00-05:00")).toEqual(["start"]);
  });

  test("Python's isoformat with microseconds works as the guide's scheduler sends it", async () => {
    expect(await titles("2026-02-15T00:00:00.123456+00:00", "2026-02-15T23:59:59.123456+00:00")).toHaveLength(2);
  });

  test("a user without tasks has an empty array", async () => {
    const answer = await timerange({ user_id: (await createUser(call)).id, start_time: FROM, end_time: TO });
    expect(answer.text).toBe("[]");
    expect(expectStatus(await timerange({ user_id: unknownId(), start_time: FROM, end_time: TO }), 200)).toEqual([]);
  });

  test("it has no pages: more than 100 tasks come at once", async () => {
    const busy = await createGoal(call, await createUser(call));
    const day = "2030-01-01T00:00:00.000Z";
    await call("POST", "/api/v1/goals/with-structure", {
      body: {
        goal: { user_id: busy.user_id, title: "Busy" },
        milestones: [
          {
            week_number: 1,
            title: "m",
            tasks: Array.from({ length: 150 }, (_, i) => ({ title: `${i}`, start_time: day })),
          },
        ],
      },
    });
    const found = expectStatus(await timerange({ user_id: busy.user_id, start_time: day, end_time: day }), 200);
    expect(found).toHaveLength(150);
    expect(idsOf(found)).toEqual(idsOf(found).sort());
  });
});

describe("REST: GET /tasks/by-timerange, bad parameters", () => {
  const good = { user_id: unknownId(), start_time: FROM, end_time: TO };

  test("a start after its end is a validation error", async () => {
    const answer = await timerange({ ...good, start_time: TO, end_time: FROM });
    expect(expectStatus(answer, 400)).toMatchObject({
      errors: [{ path: expect.stringMatching(/^(start|end)_time$/) }],
    });
    expectStatus(await timerange({ ...good, start_time: TO, end_time: "2026-02-15T23:59:59.998Z" }), 400);
  });

  test("all three are required, and named in the caller's spelling", async () => {
    expectInvalid(await timerange({}), "user_id", "start_time", "end_time");
    expectInvalid(await timerange({ user_id: good.user_id, start_time: FROM }), "end_time");
    expectInvalid(await timerange({ start_time: FROM, end_time: TO }), "user_id");
  });

  test("a bad user_id, unknown and repeated parameters", async () => {
    expectInvalid(await timerange({ ...good, user_id: "1" }), "user_id");
    expectInvalid(await timerange({ ...good, page: "1" }), "page");
    expectInvalid(await timerange({ ...good, state: "missed" }), "state");
    const path = `/api/v1/tasks/by-timerange?${new URLSearchParams(good)}`;
    expectInvalid(await call("GET", `${path}&user_id=${good.user_id}`), "user_id");
    expectInvalid(await call("GET", `${path}&start_time=${FROM}`), "start_time");
  });
});
