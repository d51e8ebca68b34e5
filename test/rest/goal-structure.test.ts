import { beforeAll, describe, expect, test } from "vitest";
import { expectInvalid, expectProblem, expectStatus } from "./answer.ts";
import {
  createMilestone,
  createOwner,
  createTask,
  createUser,
  type GoalRow,
  type GoalWithRelations,
  idsOf,
  type PageOf,
  type UserRow,
  unknownId,
} from "./rows.ts";
import { INSTANT, UUID, useRestServer } from "./server.ts";

const server = useRestServer();
const { call } = server;

let user: UserRow;
beforeAll(async () => {
  user = await createUser(call);
});

const create = (goal: object, milestones?: unknown) =>
  call<GoalWithRelations>("POST", "/api/v1/goals/with-structure", { body: { goal, milestones } });

/** How many goals this user has. */
async function goalsOf(owner: { readonly id: string }): Promise<number> {
  return expectStatus(await call<PageOf<GoalRow>>("GET", `/api/v1/goals/?user_id=${owner.id}&limit=1`), 200).total;
}

describe("guide: POST /api/v1/goals/with-structure", () => {
  test("returns 201 with the goal, two flat lists of whole rows in request order, and its Location", async () => {
    const start_time = "2026-02-16T07:00:00.000Z";
    const answer = await create(
      { user_id: user.id, title: "Learn Python", category: "education", timeline: "8 weeks", status: "active" },
      [
        // Neither by week nor by title: the response keeps the order of the request.
        { week_number: 2, title: "Functions", status: "pending", tasks: [{ title: "z" }, { title: "a", start_time }] },
        { week_number: 1, title: "Basics", tasks: [] },
        {
          week_number: 1,
          title: "Basics again",
          status: "done",
          tasks: [
            {
              title: "Complete tutorial",
              state: "completed",
              priority: "important",
              trigger_type: "on_leaving_home",
              is_recurring: true,
              start_time,
              end_time: start_time,
              calendar_event_id: "gcal-1",
            },
          ],
        },
      ],
    );
    const goal = expectStatus(answer, 201);
    expect(answer.headers.get("location")).toBe(`/api/v1/goals/${goal.id}`);
    const { id, created_at, milestones, tasks } = goal;
    const [functions, basics, again] = milestones;
    const milestone = { id: expect.stringMatching(UUID), goal_id: id, created_at: expect.stringMatching(INSTANT) };
    const task = {
      ...milestone,
      user_id: user.id,
      start_time: null,
      end_time: null,
      state: "scheduled",
      priority: "standard",
      trigger_type: "time",
      is_recurring: false,
      calendar_event_id: null,
    };
    expect(goal).toStrictEqual({
      id: expect.stringMatching(UUID),
      user_id: user.id,
      title: "Learn Python",
      category: "education",
      timeline: "8 weeks",
      status: "active",
      created_at: expect.stringMatching(INSTANT),
      milestones: [
        { ...milestone, week_number: 2, title: "Functions", status: "pending" },
        { ...milestone, week_number: 1, title: "Basics", status: "pending" },
        { ...milestone, week_number: 1, title: "Basics again", status: "done" },
      ],
      tasks: [
        { ...task, milestone_id: functions?.id, title: "z" },
        { ...task, milestone_id: functions?.id, title: "a", start_time },
        {
          ...task,
          milestone_id: again?.id,
          title: "Complete tutorial",
          state: "completed",
          priority: "important",
          trigger_type: "on_leaving_home",
          is_recurring: true,
          start_time,
          end_time: start_time,
          calendar_event_id: "gcal-1",
        },
      ],
    });
    // Each row can be read by itself too, with the same fields.
    for (const row of milestones) expect((await call("GET", `/api/v1/milestones/${row.id}`)).body).toStrictEqual(row);
    for (const row of tasks) expect((await call("GET", `/api/v1/tasks/${row.id}`)).body).toStrictEqual(row);
    const { milestones: _, tasks: __, ...row } = goal;
    expect((await call("GET", `/api/v1/goals/${id}`)).body).toStrictEqual(row);
    expect(basics?.created_at).toBe(created_at);
  });

  test("a goal without milestones, and milestones without tasks", async () => {
    const alone = expectStatus(await create({ user_id: user.id, title: "Alone" }, []), 201);
    expect(alone).toMatchObject({ category: null, timeline: null, status: "active", milestones: [], tasks: [] });
    const idle = expectStatus(await create({ user_id: user.id, title: "Idle" }, [{ week_number: 1, title: "m" }]), 201);
    expect(idle.milestones).toHaveLength(1);
    expect(idle.tasks).toEqual([]);
  });

  test("a large structure keeps its order: 20 milestones with 50 tasks each", async () => {
    const milestones = Array.from({ length: 20 }, (_, m) => ({
      week_number: 20 - m,
      title: `m${m}`,
      tasks: Array.from({ length: 50 }, (_, t) => ({ title: `m${m} t${t}` })),
    }));
    const goal = expectStatus(await create({ user_id: user.id, title: "Large" }, milestones), 201);
    expect(goal.milestones.map(({ title }) => title)).toEqual(milestones.map(({ title }) => title));
    expect(goal.tasks.map(({ title }) => title)).toEqual(
      milestones.flatMap(({ tasks }) => tasks.map(({ title }) => title)),
    );
    const ownerOf = new Map(goal.milestones.map(({ id, title }) => [id, title]));
    expect(goal.tasks.filter((task) => !task.title.startsWith(`${ownerOf.get(task.milestone_id ?? "")} `))).toEqual([]);
  });

  test("unknown fields are ignored at every level", async () => {
    const goal_id = unknownId();
    const task = { title: "t", goal_id, milestone_id: goal_id, user_id: goal_id, colour: 1 };
    const milestone = { week_number: 1, title: "m", goal_id, id: goal_id, weekNumber: "x", tasks: [task] };
    const goal = expectStatus(await create({ user_id: user.id, title: "g", id: goal_id, x: [] }, [milestone]), 201);
    expect(idsOf([goal, ...goal.milestones, ...goal.tasks])).not.toContain(goal_id);
    expect(goal.tasks[0]).toMatchObject({ goal_id: goal.id, milestone_id: goal.milestones[0]?.id, user_id: user.id });
  });
});

describe("REST: a structure is created all or nothing", () => {
  test("an invalid last task is named by its path, and nothing is created", async () => {
    const owner = await createUser(call);
    const tasks = [{ title: "a" }, { title: "b" }, { title: "" }];
    const answer = await create({ user_id: owner.id, title: "g" }, [{ week_number: 1, title: "m", tasks }]);
    expectInvalid(answer, "milestones.0.tasks.2.title");
    expect(await goalsOf(owner)).toBe(0);
  });

  test.each([
    ["goal", { title: "" }, [], ["goal.title"]],
    ["goal", { user_id: "x" }, [], ["goal.user_id"]],
    [
      "milestones",
      {},
      [
        { week_number: 1, title: "m" },
        { week_number: 0, title: "m" },
      ],
      ["milestones.1.week_number"],
    ],
    ["milestones", {}, [{ title: null }], ["milestones.0.week_number", "milestones.0.title"]],
    ["milestones", {}, [null, []], ["milestones.0", "milestones.1"]],
    ["milestones", {}, {}, ["milestones"]],
    ["tasks", {}, [{ week_number: 1, title: "m", tasks: {} }], ["milestones.0.tasks"]],
    [
      "a task's state",
      {},
      [{ week_number: 1, title: "m", tasks: [{ title: "t", state: "x" }] }],
      ["milestones.0.tasks.0.state"],
    ],
    [
      "times",
      {},
      [
        {
          week_number: 1,
          title: "m",
          tasks: [{ title: "t", start_time: "2026-02-16T00:00:00Z", end_time: "2026-02-15T00:00:00Z" }],
        },
      ],
      ["milestones.0.tasks.0.end_time"],
    ],
    [
      "a time without an offset",
      {},
      [{ week_number: 1, title: "m", tasks: [{ title: "t", start_time: "2026-02-16T00:00:00" }] }],
      ["milestones.0.tasks.0.start_time"],
    ],
  ])("a broken rule of %s: %j %j", async (_, goal, milestones, paths) => {
    const owner = await createUser(call);
    expectInvalid(await create({ user_id: owner.id, title: "g", ...goal }, milestones), ...paths);
    expect(await goalsOf(owner)).toBe(0);
  });

  test("422: a user that does not exist; field and id are named", async () => {
    const user_id = unknownId();
    const { detail } = expectProblem(await create({ user_id, title: "g" }, [{ week_number: 1, title: "m" }]), 422);
    expect(detail).toContain("user_id");
    expect(detail).toContain(user_id);
  });

  test("400: a missing goal, or a missing body", async () => {
    expectInvalid(await call("POST", "/api/v1/goals/with-structure", { body: { milestones: [] } }), "goal");
    expectInvalid(await call("POST", "/api/v1/goals/with-structure", { body: { goal: null, milestones: [] } }), "goal");
    expectProblem(await call("POST", "/api/v1/goals/with-structure", { body: [] }), 400);
  });
});

describe("REST: GET /goals/{id}/full", () => {
  test("has the shape of the creation's response, sorted: milestones by week, tasks by start, null last", async () => {
    const goal = await createOwner(call);
    const at = (hour: string) => ({ start_time: `2026-02-15T${hour}:00:00.000Z` });
    const milestones = [];
    for (const week_number of [2, 1, 2, 1]) milestones.push(await createMilestone(call, goal, { week_number }));
    const tasks = [];
    for (const time of [{}, at("12"), at("10"), {}, at("12"), at("11")]) tasks.push(await createTask(call, goal, time));
    const pick = <Row>(rows: readonly Row[], ...order: number[]) => order.map((index) => rows[index]);
    const full = expectStatus(await call<GoalWithRelations>("GET", `/api/v1/goals/${goal.id}/full`), 200);
    expect(full).toStrictEqual({
      ...goal,
      milestones: pick(milestones, 1, 3, 0, 2),
      tasks: pick(tasks, 2, 5, 1, 4, 0, 3),
    });
  });

  test("rows with equal sort keys are ordered by age, then by id, whatever the order of the inserts", async () => {
    const goal = await createOwner(call);
    const ids = ["cccccccc", "aaaaaaaa", "eeeeeeee", "bbbbbbbb", "dddddddd"].map((start) =>
      unknownId().replace(/^.{8}/, start),
    );
    const rows = (fields: string) =>
      ids.map((id) => `('${id}', '${goal.id}', ${fields}, 'x', '2026-01-01T00:00:00Z')`).join(", ");
    await server.sql(`
      insert into milestones (id, goal_id, week_number, title, created_at) values ${rows("1")};
      insert into tasks (id, goal_id, user_id, title, created_at) values ${rows(`'${goal.user_id}'`)}`);
    const full = expectStatus(await call<GoalWithRelations>("GET", `/api/v1/goals/${goal.id}/full`), 200);
    expect(idsOf(full.milestones)).toEqual([...ids].sort());
    expect(idsOf(full.tasks)).toEqual([...ids].sort());
    // The age precedes the id.
    await server.sql(`
      update milestones set created_at = '2025-01-01T00:00:00Z' where id = '${ids[2]}';
      update tasks set created_at = '2025-01-01T00:00:00Z' where id = '${ids[2]}'`);
    const aged = expectStatus(await call<GoalWithRelations>("GET", `/api/v1/goals/${goal.id}/full`), 200);
    expect(aged.milestones[0]?.id).toBe(ids[2]);
    expect(aged.tasks[0]?.id).toBe(ids[2]);
  });

  test("of a structure: rows created together are ordered by id, which is the order of the request", async () => {
    const tasks = Array.from({ length: 30 }, (_, index) => ({ title: `${index}` }));
    const made = expectStatus(
      await create({ user_id: user.id, title: "g" }, [{ week_number: 1, title: "m", tasks }]),
      201,
    );
    const full = expectStatus(await call<GoalWithRelations>("GET", `/api/v1/goals/${made.id}/full`), 200);
    expect(full).toStrictEqual(made);
    expect(idsOf(full.tasks)).toEqual(idsOf(full.tasks).sort());
  });

  test("of a goal without milestones and tasks has empty lists", async () => {
    const goal = await createOwner(call);
    expect((await call("GET", `/api/v1/goals/${goal.id}/full`)).body).toStrictEqual({
      ...goal,
      milestones: [],
      tasks: [],
    });
  });
});
