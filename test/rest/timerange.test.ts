import { beforeAll, describe, expect, test } from "vitest";
import { expectInvalid, expectStatus } from "./answer.ts";
import { createOwner, createTask, type GoalRow, type TaskRow, unknownId } from "./rows.ts";
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

  test("both ends may have an offset", async () => {
    expect(await titles("2026-02-15T01:00:00+01:00", "2026-02-14T19:00:00-05:00")).toEqual(["start"]);
  });

  test("Python's isoformat with microseconds works as the guide's scheduler sends it", async () => {
    expect(await titles("2026-02-15T00:00:00.123456+00:00", "2026-02-15T23:59:59.123456+00:00")).toHaveLength(2);
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
