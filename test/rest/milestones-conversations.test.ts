import { describe, expect, test } from "vitest";
import { expectInvalid, expectProblem, expectStatus } from "./answer.ts";
import {
  type ConversationRow,
  createConversation,
  createMilestone,
  createOwner,
  createTask,
  type MilestoneRow,
  type PageOf,
  unknownId,
} from "./rows.ts";
import { INSTANT, UUID, useRestServer } from "./server.ts";

const { call } = useRestServer();

const onePage = { total: 1, page: 1, page_size: 100, has_next: false, has_prev: false, next_cursor: null };

describe("guide, Milestone Endpoints", () => {
  test("POST /api/v1/milestones/ returns 201 with the whole row and its Location", async () => {
    const goal = await createOwner(call);
    const body = { goal_id: goal.id, week_number: 3, title: "Increase distance", status: "done" };
    const answer = await call<MilestoneRow>("POST", "/api/v1/milestones/", { body });
    const milestone = expectStatus(answer, 201);
    expect(milestone).toStrictEqual({ id: milestone.id, ...body, created_at: milestone.created_at });
    expect(milestone.id).toMatch(UUID);
    expect(milestone.created_at).toMatch(INSTANT);
    expect(answer.headers.get("location")).toBe(`/api/v1/milestones/${milestone.id}`);
  });

  test("the status defaults to `pending`", async () => {
    expect((await createMilestone(call, await createOwner(call))).status).toBe("pending");
  });

  test("GET returns the row, and a page with it, as in the guide", async () => {
    const milestone = await createMilestone(call, await createOwner(call));
    expect(expectStatus(await call("GET", `/api/v1/milestones/${milestone.id}`), 200)).toStrictEqual(milestone);
    const list = await call<PageOf<MilestoneRow>>("GET", `/api/v1/milestones/?goal_id=${milestone.goal_id}`);
    expect(expectStatus(list, 200)).toStrictEqual({ items: [milestone], ...onePage });
  });

  test("PATCH /api/v1/milestones/{milestone_id} returns 200 with the updated row", async () => {
    const milestone = await createMilestone(call, await createOwner(call));
    const path = `/api/v1/milestones/${milestone.id}`;
    const body = { week_number: 12, title: "Rest", status: "done" };
    expect(expectStatus(await call("PATCH", path, { body }), 200)).toStrictEqual({ ...milestone, ...body });
    expect(expectStatus(await call("GET", path), 200)).toStrictEqual({ ...milestone, ...body });
  });

  test("DELETE /api/v1/milestones/{milestone_id} returns 204, and 404 afterwards; its tasks are deleted too", async () => {
    const goal = await createOwner(call);
    const milestone = await createMilestone(call, goal);
    const task = await createTask(call, goal, { milestone_id: milestone.id });
    const other = await createTask(call, goal);
    const path = `/api/v1/milestones/${milestone.id}`;
    expectStatus(await call("DELETE", path), 204);
    expectProblem(await call("GET", path), 404);
    expectProblem(await call("DELETE", path), 404);
    expectProblem(await call("GET", `/api/v1/tasks/${task.id}`), 404);
    expectStatus(await call("GET", `/api/v1/tasks/${other.id}`), 200);
  });

  test("Errors: 404, 422 with field and id, 400", async () => {
    const id = unknownId();
    expect(expectProblem(await call("GET", `/api/v1/milestones/${id}`), 404).detail).toContain(id);
    expectProblem(await call("PATCH", `/api/v1/milestones/${id}`, { body: { title: "x" } }), 404);
    const body = { goal_id: id, week_number: 1, title: "x" };
    const { detail } = expectProblem(await call("POST", "/api/v1/milestones/", { body }), 422);
    expect(detail).toContain("goal_id");
    expect(detail).toContain(id);
    expectInvalid(await call("POST", "/api/v1/milestones/", { body: {} }), "goal_id", "week_number", "title");
    expect(expectProblem(await call("GET", "/api/v1/milestones/1"), 400).errors?.[0]?.path).toBe("milestone_id");
  });
});

describe("guide, Conversation Endpoints", () => {
  test("POST /api/v1/conversations/ returns 201 with the whole row and its Location", async () => {
    const goal = await createOwner(call);
    const body = {
      user_id: goal.user_id,
      goal_id: goal.id,
      messages: [{ role: "user", content: "I want to run." }, "as it is", 1, null, [true]],
      status: "closed",
    };
    const answer = await call<ConversationRow>("POST", "/api/v1/conversations/", { body });
    const conversation = expectStatus(answer, 201);
    expect(conversation).toStrictEqual({ id: conversation.id, ...body, created_at: conversation.created_at });
    expect(conversation.id).toMatch(UUID);
    expect(conversation.created_at).toMatch(INSTANT);
    expect(answer.headers.get("location")).toBe(`/api/v1/conversations/${conversation.id}`);
  });

  test("omitted fields get the contract's defaults, and `messages: null` means empty", async () => {
    const goal = await createOwner(call);
    expect(await createConversation(call, goal)).toMatchObject({ messages: [], status: "open" });
    expect((await createConversation(call, goal, { messages: null })).messages).toStrictEqual([]);
  });

  test("it may exist before its goal: `goal_id` is null if it is null or omitted in the request", async () => {
    const { user_id } = await createOwner(call);
    for (const body of [{ user_id, goal_id: null }, { user_id }]) {
      const created = expectStatus(await call<ConversationRow>("POST", "/api/v1/conversations/", { body }), 201);
      expect(created).toMatchObject({ user_id, goal_id: null, messages: [] });
      const path = `/api/v1/conversations/${created.id}`;
      expect(expectStatus(await call("GET", path), 200)).toStrictEqual(created);
      expect(expectStatus(await call("PATCH", path, { body: { status: "closed" } }), 200)).toMatchObject({
        goal_id: null,
      });
    }
    const list = await call<PageOf<ConversationRow>>("GET", `/api/v1/conversations/?user_id=${user_id}`);
    expect(expectStatus(list, 200).items.map(({ goal_id }) => goal_id)).toEqual([null, null]);
  });

  test("GET returns the row, and a page with it, as in the guide", async () => {
    const conversation = await createConversation(call, await createOwner(call), { messages: [{ a: {} }] });
    const path = `/api/v1/conversations/${conversation.id}`;
    expect(expectStatus(await call("GET", path), 200)).toStrictEqual(conversation);
    const list = await call<PageOf<ConversationRow>>("GET", `/api/v1/conversations/?goal_id=${conversation.goal_id}`);
    expect(expectStatus(list, 200)).toStrictEqual({ items: [conversation], ...onePage });
  });

  test("PATCH /api/v1/conversations/{id} returns 200 with the updated row; messages are replaced", async () => {
    const conversation = await createConversation(call, await createOwner(call), { messages: [1, 2, 3] });
    const path = `/api/v1/conversations/${conversation.id}`;
    const body = { messages: [{ role: "assistant", content: "Four" }], status: "closed" };
    expect(expectStatus(await call("PATCH", path, { body }), 200)).toStrictEqual({ ...conversation, ...body });
    expect(expectStatus(await call("GET", path), 200)).toStrictEqual({ ...conversation, ...body });
    const emptied = expectStatus(await call<ConversationRow>("PATCH", path, { body: { messages: null } }), 200);
    expect(emptied).toStrictEqual({ ...conversation, ...body, messages: [] });
  });

  test("cannot be deleted: the guide has no such endpoint", async () => {
    const conversation = await createConversation(call, await createOwner(call));
    expectProblem(await call("DELETE", `/api/v1/conversations/${conversation.id}`), 405);
    expectStatus(await call("GET", `/api/v1/conversations/${conversation.id}`), 200);
  });

  test("Errors: 404, 422 with field and id, 400", async () => {
    const id = unknownId();
    const goal = await createOwner(call);
    expect(expectProblem(await call("GET", `/api/v1/conversations/${id}`), 404).detail).toContain(id);
    expectProblem(await call("PATCH", `/api/v1/conversations/${id}`, { body: { status: "x" } }), 404);
    for (const field of ["user_id", "goal_id"]) {
      const body = { user_id: goal.user_id, goal_id: goal.id, [field]: id };
      const { detail } = expectProblem(await call("POST", "/api/v1/conversations/", { body }), 422);
      expect(detail).toContain(field);
      expect(detail).toContain(id);
    }
    expectInvalid(await call("POST", "/api/v1/conversations/", { body: {} }), "user_id");
    expect(expectProblem(await call("GET", "/api/v1/conversations/1"), 400).errors?.[0]?.path).toMatch(/id$/);
  });
});
