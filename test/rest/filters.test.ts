import { beforeAll, describe, expect, test } from "vitest";
import { type Answer, expectInvalid, expectStatus } from "./answer.ts";
import { createConversation, createGoal, createMilestone, createTask, createUser, idsOf, type PageOf } from "./rows.ts";
import { useRestServer } from "./server.ts";

const { call } = useRestServer();

type Rows = readonly { readonly id: string }[];

/** The rows that each filter must find, and others that it must not. */
const found: Record<string, Rows> = {};
let ids: Record<"user" | "goal" | "milestone", string>;

beforeAll(async () => {
  const [user, other] = [await createUser(call), await createUser(call, { email: "o'neil+tag@example.com" })];
  const goals = [
    await createGoal(call, user, { category: "health", status: "active" }),
    await createGoal(call, user, { category: "art & craft", status: "paused" }),
    await createGoal(call, other, { category: "health", status: "paused" }),
  ] as const;
  const milestones = [
    await createMilestone(call, goals[0], { status: "pending" }),
    await createMilestone(call, goals[0], { status: "done" }),
    await createMilestone(call, goals[2], { status: "done" }),
  ] as const;
  const tasks = [
    await createTask(call, goals[0], {
      milestone_id: milestones[0].id,
      state: "completed",
      priority: "important",
      start_time: "2026-02-15T10:00:00Z",
    }),
    await createTask(call, goals[0], { is_recurring: true, calendar_event_id: "event 1/2?&=#" }),
    await createTask(call, goals[2], { trigger_type: "on_leaving_home", state: "completed", is_recurring: true }),
  ] as const;
  const conversations = [
    await createConversation(call, goals[0], { status: "open" }),
    await createConversation(call, goals[1], { status: "closed" }),
    await createConversation(call, goals[2], { status: "closed" }),
  ] as const;
  ids = { user: user.id, goal: goals[0].id, milestone: milestones[0].id };
  Object.assign(found, {
    [`users?email=${user.email}`]: [user],
    [`users?email=${encodeURIComponent(other.email)}`]: [other],
    "goals?user_id=USER": [goals[0], goals[1]],
    "goals?status=paused": [goals[1], goals[2]],
    "goals?category=health": [goals[0], goals[2]],
    "goals?category=art+%26%20craft": [goals[1]],
    "goals?user_id=USER&status=active&category=health": [goals[0]],
    "milestones?goal_id=GOAL": [milestones[0], milestones[1]],
    "milestones?status=done": [milestones[1], milestones[2]],
    "milestones?goal_id=GOAL&status=done": [milestones[1]],
    "tasks?user_id=USER": [tasks[0], tasks[1]],
    "tasks?goal_id=GOAL": [tasks[0], tasks[1]],
    "tasks?milestone_id=MILESTONE": [tasks[0]],
    "tasks?state=completed": [tasks[0], tasks[2]],
    "tasks?state=drifted": [],
    "tasks?priority=important": [tasks[0]],
    "tasks?priority=must-not-miss": [],
    "tasks?trigger_type=on_leaving_home": [tasks[2]],
    "tasks?is_recurring=true": [tasks[1], tasks[2]],
    "tasks?is_recurring=false": [tasks[0]],
    [`tasks?calendar_event_id=${encodeURIComponent("event 1/2?&=#")}`]: [tasks[1]],
    "tasks?user_id=USER&goal_id=GOAL&state=scheduled&priority=standard&trigger_type=time&is_recurring=true": [tasks[1]],
    "tasks?state=completed&state=missed": [tasks[0], tasks[2]],
    "tasks?is_null=milestone_id": [tasks[1], tasks[2]],
    "tasks?is_null=milestone_id&is_null=calendar_event_id&is_null=milestone_id": [tasks[2]],
    "tasks?start_time_before=2026-02-15T10:00:00.001Z&start_time_from=2026-02-15T12:00:00%2B02:00": [tasks[0]],
    "tasks?end_time_from=2026-02-15T11:00:00Z": [],
    "milestones?week_number_from=1&week_number_before=2&goal_id=GOAL&goal_id=USER": [milestones[0], milestones[1]],
    "goals?id=GOAL&id=USER": [goals[0]],
    "users?created_at_before=2001-01-01T00:00:00Z": [],
    "conversations?user_id=USER": [conversations[0], conversations[1]],
    "conversations?goal_id=GOAL": [conversations[0]],
    "conversations?status=closed": [conversations[1], conversations[2]],
    "conversations?user_id=USER&status=closed": [conversations[1]],
  });
});

function list(filter: string) {
  const query = filter.replace("?", "/?").replaceAll("USER", ids.user).replace("GOAL", ids.goal);
  return call<PageOf<{ id: string }>>("GET", `/api/v1/${query.replace("MILESTONE", ids.milestone)}`);
}

describe("REST: lists can be filtered by equality", () => {
  test("each filter of the contract selects the rows that are equal, and `total` counts them", async () => {
    expect(Object.keys(found)).toHaveLength(34);
    for (const [filter, rows] of Object.entries(found)) {
      const { items, total } = expectStatus(await list(filter), 200);
      expect({ filter, total, ids: idsOf(items).sort() }).toEqual({
        filter,
        total: rows.length,
        ids: idsOf(rows).sort(),
      });
    }
  });
});

describe("REST: lists can be sorted", () => {
  test("by a field in its spelling in JSON; links and cursors keep order and filters", async () => {
    const ids: string[] = [];
    let path: string | undefined = "/api/v1/goals/?sort=-title&status=active&status=paused&page_size=1";
    const titles: unknown[] = [];
    while (path !== undefined) {
      const answer: Answer<PageOf<{ id: string; title: string }>> = await call("GET", path);
      const { items } = expectStatus(answer, 200);
      ids.push(...idsOf(items));
      titles.push(...items.map(({ title }) => title));
      const next = /<\?([^>]*)>; rel="next"/.exec(answer.headers.get("link") ?? "")?.[1];
      path = next && `/api/v1/goals/?${next}`;
    }
    expect(new Set(ids).size).toBe(3);
    expect(titles).toEqual(titles.toSorted().reverse());
  });

  test("a cursor of another order says so", async () => {
    const { next_cursor } = expectStatus(await call<PageOf<unknown>>("GET", "/api/v1/tasks/?sort=title&limit=1"), 200);
    const { detail } = expectInvalid(await call("GET", `/api/v1/tasks/?cursor=${next_cursor}`), "cursor");
    expect(detail).toBe("cursor belongs to a list in another order: send it with the sort of its page.");
    expectInvalid(await call("GET", `/api/v1/tasks/stream?cursor=${next_cursor}`), "cursor");
  });
});

describe("REST: every list is also a stream and a count", () => {
  test.each(["users", "goals", "milestones", "tasks", "conversations"])("%s", async (entity) => {
    const { items, total } = expectStatus(await list(`${entity}?`), 200);
    const { text } = await call("GET", `/api/v1/${entity}/stream`);
    expect(text).toBe(items.map((item) => `${JSON.stringify(item)}\n`).join(""));
    expect(expectStatus(await call("GET", `/api/v1/${entity}/count`), 200)).toEqual({ total });
    const none = "?created_at_before=2001-01-01T00:00:00Z";
    expect(expectStatus(await call("GET", `/api/v1/${entity}/count/${none}`), 200)).toEqual({ total: 0 });
  });
});

describe("REST: filters that break a rule are a validation error", () => {
  test.each([
    ["goals?user_id=1", "user_id"],
    ["goals?user_id=", "user_id"],
    ["milestones?goal_id=null", "goal_id"],
    ["tasks?user_id=x", "user_id"],
    ["tasks?goal_id=x", "goal_id"],
    ["tasks?milestone_id=null", "milestone_id"],
    ["tasks?state=done", "state"],
    ["tasks?state=Scheduled", "state"],
    ["tasks?state=", "state"],
    ["tasks?priority=must_not_miss", "priority"],
    ["tasks?trigger_type=constructor", "trigger_type"],
    ["tasks?is_recurring=yes", "is_recurring"],
    ["tasks?is_recurring=2", "is_recurring"],
    ["tasks?is_recurring=", "is_recurring"],
    ["conversations?user_id=x", "user_id"],
    ["conversations?goal_id=x", "goal_id"],
    // A NUL, which no row can contain.
    ["goals?category=a%00b", "category"],
    ["users?email=%00", "email"],
    ["tasks?state=completed&state=done", "state.1"],
    [`tasks?${"id=0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d6e&".repeat(101)}`, "id"],
    ["tasks?start_time_from=2026-02-15", "start_time_from"],
    ["tasks?start_time_from=2026-02-16T00:00:00Z&start_time_before=2026-02-15T00:00:00Z", "start_time_before"],
    ["tasks?created_at_from=2026-02-15T00:00:00Z&created_at_from=2026-02-16T00:00:00Z", "created_at_from"],
    ["milestones?week_number_from=0", "week_number_from"],
    ["milestones?week_number_before=2.5", "week_number_before"],
    ["tasks?is_null=title", "is_null"],
    ["tasks?is_null=milestoneId", "is_null"],
    ["tasks?is_null=created_at", "is_null"],
    ["tasks?is_null=", "is_null"],
    ["tasks?is_null=milestone_id&milestone_id=0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d6e", "milestone_id"],
    ["tasks?milestone_id=0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d6e&is_null=milestone_id", "is_null"],
    ["tasks?is_null=start_time&start_time_from=2026-02-15T00:00:00Z", "start_time_from"],
    ["tasks?sort=state", "sort"],
    ["tasks?sort=startTime", "sort"],
    ["tasks?sort=", "sort"],
    ["tasks?sort=title&sort=title", "sort"],
    ["tasks?page=1&page=2", "page"],
  ])("%s", async (filter, name) => {
    expectInvalid(await list(filter), name);
  });

  test.each([
    ["users?name=Jane", "name"],
    ["users?is_null=name", "is_null"],
    ["goals?created_at=2026-02-15T10:00:00Z", "created_at"],
    ["tasks?state_from=missed", "state_from"],
    ["tasks?start_time_after=2026-02-15T10:00:00Z", "start_time_after"],
    ["tasks?from=1", "from"],
    ["tasks?_from=1", "_from"],
    ["goals?title=x", "title"],
    ["goals?timeline=x", "timeline"],
    ["milestones?week_number=1", "week_number"],
    ["tasks?title=x", "title"],
    ["tasks?start_time=2026-02-15T10:00:00Z", "start_time"],
    ["conversations?messages=x", "messages"],
  ])("%s: no filter of the contract, so an unknown parameter", async (filter, name) => {
    expectInvalid(await list(filter), name);
  });
});
