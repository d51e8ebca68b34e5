import { describe, expect, test } from "vitest";
import { expectInvalid, expectProblem, expectStatus } from "./answer.ts";
import { createMilestone, createOwner, createTask, type PageOf, type TaskRow, unknownId } from "./rows.ts";
import { INSTANT, UUID, useRestServer } from "./server.ts";

const { call } = useRestServer();

describe("guide, Task Endpoints", () => {
  test("POST /api/v1/tasks/ returns 201 with the whole row and its Location", async () => {
    const goal = await createOwner(call);
    const milestone = await createMilestone(call, goal);
    const body = {
      user_id: goal.user_id,
      goal_id: goal.id,
      milestone_id: milestone.id,
      title: "Run 3km",
      start_time: "2026-02-15T10:00:00.000Z",
      end_time: "2026-02-15T10:30:00.500Z",
      state: "drifted",
      priority: "must-not-miss",
      trigger_type: "on_leaving_home",
      is_recurring: true,
      calendar_event_id: "gcal-1",
    };
    const answer = await call<TaskRow>("POST", "/api/v1/tasks/", { body });
    const task = expectStatus(answer, 201);
    expect(task).toStrictEqual({ id: task.id, ...body, created_at: task.created_at });
    expect(task.id).toMatch(UUID);
    expect(task.created_at).toMatch(INSTANT);
    expect(answer.headers.get("location")).toBe(`/api/v1/tasks/${task.id}`);
    expect(expectStatus(await call("GET", `/api/v1/tasks/${task.id}`), 200)).toStrictEqual(task);
  });

  test("omitted fields get the contract's defaults", async () => {
    const goal = await createOwner(call);
    const task = await createTask(call, goal);
    expect(task).toStrictEqual({
      id: task.id,
      user_id: goal.user_id,
      goal_id: goal.id,
      milestone_id: null,
      title: "Run 3km",
      start_time: null,
      end_time: null,
      state: "scheduled",
      priority: "standard",
      trigger_type: "time",
      is_recurring: false,
      calendar_event_id: null,
      created_at: task.created_at,
    });
  });

  test("nullable fields may be sent as null", async () => {
    const nulls = { milestone_id: null, start_time: null, end_time: null, calendar_event_id: null };
    expect(await createTask(call, await createOwner(call), nulls)).toMatchObject(nulls);
  });

  test("GET /api/v1/tasks/ returns 200 with a page, exactly as in the guide", async () => {
    const task = await createTask(call, await createOwner(call));
    const list = await call<PageOf<TaskRow>>("GET", `/api/v1/tasks/?user_id=${task.user_id}`);
    expect(expectStatus(list, 200)).toStrictEqual({
      items: [task],
      total: 1,
      page: 1,
      page_size: 100,
      has_next: false,
      has_prev: false,
      next_cursor: null,
    });
  });

  test("PATCH /api/v1/tasks/{task_id} returns 200 with the updated row", async () => {
    const goal = await createOwner(call);
    const milestone = await createMilestone(call, goal);
    const task = await createTask(call, goal);
    const path = `/api/v1/tasks/${task.id}`;
    const body = {
      milestone_id: milestone.id,
      title: "Run 5km",
      start_time: "2026-02-15T10:00:00.000Z",
      end_time: "2026-02-15T11:00:00.000Z",
      state: "completed",
      priority: "important",
      trigger_type: "on_leaving_home",
      is_recurring: true,
      calendar_event_id: "gcal-2",
    };
    expect(expectStatus(await call("PATCH", path, { body }), 200)).toStrictEqual({ ...task, ...body });
    expect(expectStatus(await call("GET", path), 200)).toStrictEqual({ ...task, ...body });
  });

  test("DELETE /api/v1/tasks/{task_id} returns 204, and 404 afterwards", async () => {
    const path = `/api/v1/tasks/${(await createTask(call, await createOwner(call))).id}`;
    expectStatus(await call("DELETE", path), 204);
    expectProblem(await call("GET", path), 404);
    expectProblem(await call("DELETE", path), 404);
  });

  test.each(["scheduled", "drifted", "completed", "missed"])("the state %s can be set", async (state) => {
    expect((await createTask(call, await createOwner(call), { state })).state).toBe(state);
  });

  test.each(["standard", "important", "must-not-miss"])("the priority %s can be set", async (priority) => {
    expect((await createTask(call, await createOwner(call), { priority })).priority).toBe(priority);
  });

  test.each(["time", "on_leaving_home"])("the trigger type %s can be set", async (trigger_type) => {
    expect((await createTask(call, await createOwner(call), { trigger_type })).trigger_type).toBe(trigger_type);
  });
});

describe("guide: PATCH /api/v1/tasks/{task_id}/calendar-event", () => {
  test("links, relinks and unlinks, and returns 200 with the whole row", async () => {
    const task = await createTask(call, await createOwner(call));
    const path = `/api/v1/tasks/${task.id}/calendar-event`;
    for (const calendar_event_id of ["gcal-1", "é".repeat(255), null]) {
      const answer = await call("PATCH", path, { body: { calendar_event_id } });
      expect(expectStatus(answer, 200)).toStrictEqual({ ...task, calendar_event_id });
      expect(expectStatus(await call("GET", `/api/v1/tasks/${task.id}`), 200)).toMatchObject({ calendar_event_id });
    }
  });

  test("400: missing, empty, too long or not text", async () => {
    const task = await createTask(call, await createOwner(call), { calendar_event_id: "kept" });
    const path = `/api/v1/tasks/${task.id}/calendar-event`;
    for (const body of [
      {},
      { calendar_event_id: "" },
      { calendar_event_id: "x".repeat(256) },
      { calendar_event_id: 1 },
    ]) {
      expectInvalid(await call("PATCH", path, { body }), "calendar_event_id");
    }
    expect(expectStatus(await call("GET", `/api/v1/tasks/${task.id}`), 200)).toStrictEqual(task);
  });

  test("404 for no such task, 400 for a bad UUID", async () => {
    const body = { calendar_event_id: "gcal-1" };
    expectProblem(await call("PATCH", `/api/v1/tasks/${unknownId()}/calendar-event`, { body }), 404);
    expectInvalid(await call("PATCH", "/api/v1/tasks/1/calendar-event", { body }), "task_id");
  });
});

describe("Errors, for tasks", () => {
  test("404: no such row, and the response names the id", async () => {
    const id = unknownId();
    expect(expectProblem(await call("GET", `/api/v1/tasks/${id}`), 404).detail).toContain(id);
    expect(expectProblem(await call("PATCH", `/api/v1/tasks/${id}`, { body: { title: "x" } }), 404).detail).toContain(
      id,
    );
    expect(expectProblem(await call("DELETE", `/api/v1/tasks/${id}`), 404).detail).toContain(id);
  });

  test.each(["user_id", "goal_id", "milestone_id"])(
    "422: a %s that does not exist; field and id are named",
    async (field) => {
      const goal = await createOwner(call);
      const id = unknownId();
      const body = { user_id: goal.user_id, goal_id: goal.id, title: "x", [field]: id };
      const { detail } = expectProblem(await call("POST", "/api/v1/tasks/", { body }), 422);
      expect(detail).toContain(field);
      expect(detail).toContain(id);
    },
  );

  test("422: a milestone_id by PATCH, which changes nothing", async () => {
    const task = await createTask(call, await createOwner(call));
    const id = unknownId();
    const path = `/api/v1/tasks/${task.id}`;
    const { detail } = expectProblem(await call("PATCH", path, { body: { title: "new", milestone_id: id } }), 422);
    expect(detail).toContain("milestone_id");
    expect(detail).toContain(id);
    expect(expectStatus(await call("GET", path), 200)).toStrictEqual(task);
  });

  test("400: all missing fields are named", async () => {
    expectInvalid(await call("POST", "/api/v1/tasks/", { body: {} }), "user_id", "goal_id", "title");
  });

  test("400: every violation is named in one response", async () => {
    const body = { user_id: 1, goal_id: "x", title: "", state: "done", is_recurring: "yes", start_time: "soon" };
    const answer = await call("POST", "/api/v1/tasks/", { body });
    expectInvalid(answer, "user_id", "goal_id", "title", "state", "is_recurring", "start_time");
  });

  test("400: a bad UUID", async () => {
    expectInvalid(await call("GET", "/api/v1/tasks/1"), "task_id");
    expectInvalid(await call("DELETE", "/api/v1/tasks/null"), "task_id");
  });
});
