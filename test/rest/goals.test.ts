import { describe, expect, test } from "vitest";
import { expectInvalid, expectProblem, expectStatus } from "./answer.ts";
import { createGoal, createOwner, createUser, type GoalRow, type PageOf, unknownId } from "./rows.ts";
import { INSTANT, UUID, useRestServer } from "./server.ts";

const { call } = useRestServer();

describe("guide, Goal Endpoints", () => {
  test("POST /api/v1/goals/ returns 201 with the whole row and its Location", async () => {
    const user = await createUser(call);
    const body = {
      user_id: user.id,
      title: "Learn Python",
      category: "education",
      timeline: "8 weeks",
      status: "paused",
    };
    const answer = await call<GoalRow>("POST", "/api/v1/goals/", { body });
    const goal = expectStatus(answer, 201);
    expect(goal).toStrictEqual({ id: goal.id, ...body, created_at: goal.created_at });
    expect(goal.id).toMatch(UUID);
    expect(goal.created_at).toMatch(INSTANT);
    expect(answer.headers.get("location")).toBe(`/api/v1/goals/${goal.id}`);
  });

  test("omitted fields get the contract's defaults", async () => {
    const user = await createUser(call);
    expect(await createGoal(call, user)).toMatchObject({ category: null, timeline: null, status: "active" });
  });

  test("GET /api/v1/goals/{goal_id} returns 200 with what the creation returned", async () => {
    const goal = await createOwner(call);
    expect(expectStatus(await call("GET", `/api/v1/goals/${goal.id}`), 200)).toStrictEqual(goal);
  });

  test("GET /api/v1/goals/ returns 200 with a page, exactly as in the guide", async () => {
    const goal = await createOwner(call);
    const page = expectStatus(await call<PageOf<GoalRow>>("GET", `/api/v1/goals/?user_id=${goal.user_id}`), 200);
    expect(page).toStrictEqual({
      items: [goal],
      total: 1,
      page: 1,
      page_size: 100,
      has_next: false,
      has_prev: false,
      next_cursor: null,
    });
  });

  test("PATCH /api/v1/goals/{goal_id} returns 200 with the updated row", async () => {
    const goal = await createOwner(call);
    const changes = { title: "Run a marathon", category: "sport", timeline: "16 weeks", status: "done" };
    const updated = expectStatus(await call("PATCH", `/api/v1/goals/${goal.id}`, { body: changes }), 200);
    expect(updated).toStrictEqual({ ...goal, ...changes });
    expect(expectStatus(await call("GET", `/api/v1/goals/${goal.id}`), 200)).toStrictEqual(updated);
  });

  test("DELETE /api/v1/goals/{goal_id} returns 204, and 404 afterwards", async () => {
    const goal = await createOwner(call);
    expectStatus(await call("DELETE", `/api/v1/goals/${goal.id}`), 204);
    expectProblem(await call("GET", `/api/v1/goals/${goal.id}`), 404);
    expectProblem(await call("GET", `/api/v1/goals/${goal.id}/full`), 404);
    expectProblem(await call("DELETE", `/api/v1/goals/${goal.id}`), 404);
  });
});

describe("Errors, for goals", () => {
  test("404: no such row, and the response names the id", async () => {
    const id = unknownId();
    expect(expectProblem(await call("GET", `/api/v1/goals/${id}`), 404).detail).toContain(id);
    expect(expectProblem(await call("GET", `/api/v1/goals/${id}/full`), 404).detail).toContain(id);
    expect(expectProblem(await call("PATCH", `/api/v1/goals/${id}`, { body: { title: "x" } }), 404).detail).toContain(
      id,
    );
    expect(expectProblem(await call("DELETE", `/api/v1/goals/${id}`), 404).detail).toContain(id);
  });

  test("422: a user that does not exist, a 500 in the Python service; field and id are named", async () => {
    const user_id = unknownId();
    const problem = expectProblem(await call("POST", "/api/v1/goals/", { body: { user_id, title: "x" } }), 422);
    expect(problem.detail).toContain("user_id");
    expect(problem.detail).toContain(user_id);
  });

  test("400: all missing and invalid fields are named", async () => {
    expectInvalid(await call("POST", "/api/v1/goals/", { body: {} }), "user_id", "title");
    expectInvalid(await call("POST", "/api/v1/goals/", { body: { user_id: "1", title: "" } }), "user_id", "title");
  });

  test("400: a bad UUID", async () => {
    for (const path of ["/api/v1/goals/1", "/api/v1/goals/1/full"]) {
      expect(expectProblem(await call("GET", path), 400).errors?.[0]?.path).toBe("goal_id");
    }
  });
});
