import { beforeAll, describe, expect, test } from "vitest";
import { type Answer, expectInvalid, expectProblem, expectStatus } from "./answer.ts";
import { createOwner, createTask, type GoalRow, type TaskRow } from "./rows.ts";
import { INSTANT, useRestServer } from "./server.ts";

const { call } = useRestServer();

let goal: GoalRow;
beforeAll(async () => {
  goal = await createOwner(call);
});

const create = (start_time: unknown) =>
  call<TaskRow>("POST", "/api/v1/tasks/", {
    body: { user_id: goal.user_id, goal_id: goal.id, title: "x", start_time },
  });

function timerange(start: string, end = "9999-01-01T00:00:00Z") {
  const query = `user_id=${goal.user_id}&start_time=${start}&end_time=${end}`;
  return call<readonly TaskRow[]>("GET", `/api/v1/tasks/by-timerange?${query}`);
}

const messageOf = (answer: Answer) => JSON.stringify(expectInvalid(answer, "start_time").errors);

describe("REST: instants are read as RFC 3339 with Z or an offset, and written in UTC with milliseconds", () => {
  test.each([
    ["2026-02-15T10:00:00.123Z", "2026-02-15T10:00:00.123Z"],
    ["2026-02-15T10:00:00Z", "2026-02-15T10:00:00.000Z"],
    ["2026-02-15T10:00:00.5Z", "2026-02-15T10:00:00.500Z"],
    ["2026-02-15T10:00:00+00:00", "2026-02-15T10:00:00.000Z"],
    ["2026-02-15T10:00:00-00:00", "2026-02-15T10:00:00.000Z"],
    ["2026-02-15T10:00:00+05:30", "2026-02-15T04:30:00.000Z"],
    ["2026-02-15T10:00:00-08:00", "2026-02-15T18:00:00.000Z"],
    ["2026-01-01T00:30:00+01:00", "2025-12-31T23:30:00.000Z"],
    ["2028-02-29T12:00:00Z", "2028-02-29T12:00:00.000Z"],
    ["1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999Z"],
    ["1883-11-18T12:00:00.001Z", "1883-11-18T12:00:00.001Z"],
    ["9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"],
    // RFC 3339, 5.6: "T" and "Z" may be lower case.
    ["2026-02-15t10:00:00z", "2026-02-15T10:00:00.000Z"],
    // Python's datetime.isoformat(), with its microseconds; nanoseconds from other languages.
    ["2026-02-15T10:00:00.123456+00:00", "2026-02-15T10:00:00.123Z"],
    ["2026-02-15T10:00:00.000999+02:00", "2026-02-15T08:00:00.000Z"],
    ["2026-02-15T10:00:00.123456789Z", "2026-02-15T10:00:00.123Z"],
  ])("%s is returned as %s", async (sent, received) => {
    const task = expectStatus(await create(sent), 201);
    expect(task.start_time).toBe(received);
    expect(expectStatus(await call<TaskRow>("GET", `/api/v1/tasks/${task.id}`), 200).start_time).toBe(received);
    // What was written can be read again.
    expect(expectStatus(await create(received), 201).start_time).toBe(received);
  });

  test("created_at has the same form", async () => {
    const task = await createTask(call, goal);
    expect(task.created_at).toMatch(INSTANT);
    expect(Math.abs(Date.parse(task.created_at) - Date.now())).toBeLessThan(60_000);
  });

  test.each(["2026-02-15T10:00:00", "2026-02-15T10:00:00.123456", "2026-02-15 10:00:00", "2026-02-15T10:00"])(
    "%s has no offset: 400 that explains it (the Python service read it in the server's local time)",
    async (sent) => {
      expect(messageOf(await create(sent))).toMatch(/offset/);
      expect(messageOf(await timerange(encodeURIComponent(sent)))).toMatch(/offset/);
    },
  );

  test.each([
    "",
    "now",
    "2026-02-15",
    "10:00:00Z",
    "2026-02-30T10:00:00Z",
    "2027-02-29T10:00:00Z",
    "2026-13-01T10:00:00Z",
    "2026-00-10T10:00:00Z",
    "2026-02-15T25:00:00Z",
    "2026-02-15T10:60:00Z",
    "2026-02-15T10:00:00+0530",
    "2026-02-15T10:00:00+05",
    "2026-02-15T10:00:00+24:00",
    "2026-02-15T10:00:00+05:60",
    "2026-02-15T10:00:00 Z",
    " 2026-02-15T10:00:00Z",
    "2026-02-15T10:00:00Z\n",
    "2026-2-15T10:00:00Z",
    "26-02-15T10:00:00Z",
    "12026-02-15T10:00:00Z",
    "+012026-02-15T10:00:00Z",
    "2026-W07-7T10:00:00Z",
    "Sun, 15 Feb 2026 10:00:00 GMT",
    "1771149600",
    "2026-02-15T10:00:00.Z",
    "２０２６-02-15T10:00:00Z",
    "infinity",
    "2026-02-15T10:00:00Z; drop table tasks",
  ])("%j is not an RFC 3339 instant: 400", async (sent) => {
    expectInvalid(await create(sent), "start_time");
    expectInvalid(await timerange(encodeURIComponent(sent)), "start_time");
  });

  test.each([0, 1771149600, 1771149600000, true, {}, [], ["2026-02-15T10:00:00Z"]])(
    "%j is not text: 400, nothing is coerced",
    async (sent) => {
      expectInvalid(await create(sent), "start_time");
    },
  );

  test("years that PostgreSQL or RFC 3339 cannot express are 400, or are returned as sent, never 500", async () => {
    for (const sent of ["0000-01-01T00:00:00Z", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"]) {
      expectInvalid(await create(sent), "start_time");
    }
    expect(expectStatus(await create("0001-01-01T00:00:00Z"), 201).start_time).toBe("0001-01-01T00:00:00.000Z");
  });

  test("every field with an instant follows these rules", async () => {
    const task = await createTask(call, goal);
    expectInvalid(
      await call("PATCH", `/api/v1/tasks/${task.id}`, { body: { end_time: "2026-02-15T10:00:00" } }),
      "end_time",
    );
    const flags = `/api/v1/demo-flags/${goal.user_id}`;
    expectInvalid(await call("PUT", flags, { body: { virtual_now: "2026-02-15T10:00:00" } }), "virtual_now");
    const body = { virtual_now: "2026-02-15T10:00:00.123456+05:30" };
    expect(expectStatus(await call("PUT", flags, { body }), 200)).toMatchObject({
      virtual_now: "2026-02-15T04:30:00.123Z",
    });
    const statistics = `/api/v1/tasks/statistics?user_id=${goal.user_id}&start_date=2026-02-15&end_date=2026-02-16T00:00:00`;
    expectInvalid(await call("GET", statistics), "start_date", "end_date");
  });
});

describe("REST: in a query string an unencoded + arrives as a space", () => {
  test("the message then says to send %2B or Z", async () => {
    const message = messageOf(await timerange("2026-02-15T10:00:00+00:00"));
    expect(message).toContain("%2B");
    expect(message).toMatch(/\bZ\b/);
    expect(messageOf(await timerange("2026-02-15T10:00:00.123456+05:30"))).toContain("%2B");
  });

  test.each(["2026-02-15T10%3A00%3A00%2B00%3A00", "2026-02-15T10:00:00.123456%2B00:00", "2026-02-15T10:00:00-05:00"])(
    "%s is fine",
    async (start) => {
      expectStatus(await timerange(start), 200);
    },
  );

  test("in a body there is no such decoding: a space is a space, and %2B is invalid", async () => {
    expectProblem(await create("2026-02-15T10:00:00 00:00"), 400);
    expectProblem(await create("2026-02-15T10:00:00%2B00:00"), 400);
  });
});
