import assert from "node:assert/strict";
import type { GoalStructureCreateDto } from "../../contract/goal.ts";
import type { DaoServices } from "../../contract/services.ts";
import type { TaskStructureDto } from "../../contract/task.ts";
import { makeGoalStructureData, makeUserData } from "../factories.ts";
import { assertInvalid, assertRelatedRowMissing } from "./assert-refused.ts";
import type { ContractCase } from "./contract-case.ts";
import { createOwner, unknownId } from "./sample-rows.ts";
import { untyped } from "./untyped.ts";

const at = (time: string) => new Date(`2026-02-15T${time}Z`);

const fullTask = {
  title: "Run 5 km",
  startTime: at("10:00:00.123"),
  endTime: at("11:00:00.456"),
  state: "completed",
  priority: "must-not-miss",
  triggerType: "on_leaving_home",
  isRecurring: true,
  calendarEventId: "google-event-1",
} as const satisfies TaskStructureDto;

const defaultTask = {
  startTime: null,
  endTime: null,
  state: "scheduled",
  priority: "standard",
  triggerType: "time",
  isRecurring: false,
  calendarEventId: null,
} as const;

/** Unordered and repeated weeks, tasks of every kind, and a milestone without tasks. */
function unorderedStructure(userId: string) {
  return {
    goal: { userId, title: "Run a half marathon", category: "health", timeline: "8 weeks", status: "paused" },
    milestones: [
      { weekNumber: 3, title: "Third", status: "reached", tasks: [fullTask, { title: "B" }] },
      { weekNumber: 1, title: "First" },
      { weekNumber: 3, title: "Third again", tasks: [{ title: "A", startTime: at("09:00:00.000") }] },
      { weekNumber: 2, title: "Second", tasks: [{ title: "D" }, { title: "C" }, fullTask] },
    ],
  } satisfies GoalStructureCreateDto;
}

async function totalsOf({ goals, tasks }: DaoServices, userId: string) {
  return { goals: (await goals.listGoals({ userId })).total, tasks: (await tasks.listTasks({ userId })).total };
}

/** Each is `makeGoalStructureData` with one error, and its path. */
function brokenStructures(userId: string): readonly (readonly [GoalStructureCreateDto, string])[] {
  const broken = (path: string, edit: (structure: ReturnType<typeof makeGoalStructureData>) => object) => {
    const structure = makeGoalStructureData(userId, { milestones: 3, tasksPerMilestone: 3 });
    return [untyped(structure, edit(structure)), path] as const;
  };
  const withTask = (path: string, fields: object) =>
    broken(path, ({ milestones }) => {
      const [first, ...others] = milestones;
      assert.ok(first?.tasks[2]);
      return {
        milestones: [
          { ...first, tasks: [first.tasks[0], first.tasks[1], { ...first.tasks[2], ...fields }] },
          ...others,
        ],
      };
    });
  const withMilestone = (path: string, fields: object) =>
    broken(path, ({ milestones }) => ({ milestones: [milestones[0], { ...milestones[1], ...fields }, milestones[2]] }));
  return [
    withTask("milestones.0.tasks.2.title", { title: "" }),
    withTask("milestones.0.tasks.2.title", { title: "x".repeat(501) }),
    withTask("milestones.0.tasks.2.title", { title: undefined }),
    withTask("milestones.0.tasks.2.state", { state: "done" }),
    withTask("milestones.0.tasks.2.priority", { priority: null }),
    withTask("milestones.0.tasks.2.triggerType", { triggerType: "TIME" }),
    withTask("milestones.0.tasks.2.isRecurring", { isRecurring: 1 }),
    withTask("milestones.0.tasks.2.calendarEventId", { calendarEventId: "" }),
    withTask("milestones.0.tasks.2.startTime", { startTime: new Date(Number.NaN) }),
    withTask("milestones.0.tasks.2.endTime", { startTime: at("10:00:00.001"), endTime: at("10:00:00.000") }),
    withMilestone("milestones.1.weekNumber", { weekNumber: 0 }),
    withMilestone("milestones.1.weekNumber", { weekNumber: "1" }),
    withMilestone("milestones.1.weekNumber", { weekNumber: undefined }),
    withMilestone("milestones.1.title", { title: "" }),
    withMilestone("milestones.1.status", { status: null }),
    withMilestone("milestones.1.tasks", { tasks: null }),
    withMilestone("milestones.1.tasks", { tasks: {} }),
    withMilestone("milestones.1.tasks.0", { tasks: new Array(1) }),
    broken("milestones", () => ({ milestones: null })),
    broken("milestones", () => ({ milestones: "none" })),
    broken("milestones.1", ({ milestones }) => ({ milestones: [milestones[0], 7] })),
    broken("goal", () => ({ goal: undefined })),
    broken("goal.title", ({ goal }) => ({ goal: { ...goal, title: "" } })),
    broken("goal.userId", ({ goal }) => ({ goal: { ...goal, userId: "no uuid" } })),
    broken("goal.status", ({ goal }) => ({ goal: { ...goal, status: null } })),
  ];
}

/** A goal created together with its milestones and tasks. */
export const goalStructureCases: readonly ContractCase[] = [
  {
    name: "contract, REST: with-structure returns the goal, and flat lists of whole DTOs in request order",
    async run(services) {
      const { goals, milestones, tasks } = services;
      const { id: userId } = await services.users.createUser(makeUserData());
      const input = unorderedStructure(userId);
      const {
        milestones: createdMilestones,
        tasks: createdTasks,
        ...goal
      } = await goals.createGoalWithStructure(input);
      const { id: goalId, createdAt } = goal;
      assert.ok(createdAt instanceof Date);
      assert.deepEqual(goal, { id: goalId, ...input.goal, createdAt });
      assert.deepEqual(await goals.getGoal(goalId), goal);
      const idAt = (index: number) => createdMilestones[index]?.id;
      assert.deepEqual(
        createdMilestones,
        input.milestones.map(({ tasks: _, status = "pending", ...milestone }, index) => {
          const stamp = createdMilestones[index]?.createdAt;
          return { id: idAt(index), goalId, ...milestone, status, createdAt: stamp };
        }),
      );
      const expectedTasks = input.milestones.flatMap((milestone, index) =>
        (milestone.tasks ?? []).map((task) => ({ ...defaultTask, ...task, userId, goalId, milestoneId: idAt(index) })),
      );
      assert.deepEqual(
        createdTasks.map(({ id: _id, createdAt: _createdAt, ...task }) => task),
        expectedTasks,
      );
      for (const milestone of createdMilestones)
        assert.deepEqual(await milestones.getMilestone(milestone.id), milestone);
      for (const task of createdTasks) assert.deepEqual(await tasks.getTask(task.id), task);
    },
  },
  {
    name: "contract, REST: /full returns the same shape: milestones by week, then age, then id",
    async run(services) {
      const { goals, milestones } = services;
      const { id: userId } = await services.users.createUser(makeUserData());
      const created = await goals.createGoalWithStructure(unorderedStructure(userId));
      const late = await milestones.createMilestone({ goalId: created.id, weekNumber: 3, title: "Late" });
      const early = await milestones.createMilestone({ goalId: created.id, weekNumber: 1, title: "Early" });
      const full = await goals.getGoalFull(created.id);
      // All rows of a structure have the same creation time, so within a week the ids decide.
      const byWeekThenId = created.milestones.toSorted((a, b) => a.weekNumber - b.weekNumber || (a.id < b.id ? -1 : 1));
      const [first, second, ...third] = byWeekThenId;
      assert.deepEqual(full.milestones, [first, early, second, ...third, late]);
      const { milestones: _milestones, tasks: _tasks, ...goal } = full;
      assert.deepEqual(goal, await goals.getGoal(created.id));
    },
  },
  {
    name: "contract, REST: /full orders tasks by start time, those without one last, then age, then id",
    async run(services) {
      const { goals, tasks } = services;
      const { id: userId } = await services.users.createUser(makeUserData());
      const created = await goals.createGoalWithStructure(unorderedStructure(userId));
      const loose = await tasks.createTask({ userId, goalId: created.id, title: "Loose" });
      const first = await tasks.createTask({ userId, goalId: created.id, title: "X", startTime: at("08:00:00.000") });
      const full = await goals.getGoalFull(created.id);
      const time = (start: Date | null) => start?.getTime() ?? Number.MAX_SAFE_INTEGER;
      const byStartThenId = created.tasks.toSorted(
        (a, b) => time(a.startTime) - time(b.startTime) || (a.id < b.id ? -1 : 1),
      );
      assert.deepEqual(full.tasks, [first, ...byStartThenId, loose]);
    },
  },
  {
    name: "contract, REST: with-structure takes no milestones, and milestones without tasks",
    async run({ users, goals }) {
      const { id: userId } = await users.createUser(makeUserData());
      const goal = { userId, title: "Run" };
      for (const milestones of [undefined, []]) {
        const created = await goals.createGoalWithStructure(untyped({ goal }, { milestones }));
        assert.deepEqual([created.milestones, created.tasks], [[], []]);
        assert.deepEqual([created.category, created.timeline, created.status], [null, null, "active"]);
        assert.deepEqual(await goals.getGoalFull(created.id), created);
      }
      const milestones = [
        { weekNumber: 1, title: "A" },
        { weekNumber: 2, title: "B", tasks: [] },
      ];
      const created = await goals.createGoalWithStructure({ goal, milestones });
      assert.deepEqual(await goals.getGoalFull(created.id), created);
      assert.deepEqual([created.milestones.length, created.tasks], [2, []]);
    },
  },
  {
    name: "contract, REST: with-structure of 20 milestones with 50 tasks each",
    async run(services) {
      const { goals } = services;
      const { user } = await createOwner(services);
      const input = makeGoalStructureData(user.id, { milestones: 20, tasksPerMilestone: 50 });
      const created = await goals.createGoalWithStructure(input);
      assert.deepEqual([created.milestones.length, created.tasks.length], [20, 1000]);
      const titles = input.milestones.flatMap(({ tasks }) => tasks.map(({ title }) => title));
      assert.deepEqual(
        created.tasks.map(({ title }) => title),
        titles,
      );
      const owners = created.milestones.flatMap(({ id }) => Array.from({ length: 50 }, () => id));
      assert.deepEqual(
        created.tasks.map(({ milestoneId }) => milestoneId),
        owners,
      );
      const full = await goals.getGoalFull(created.id);
      assert.deepEqual(full.milestones, created.milestones);
      assert.deepEqual(
        full.tasks,
        created.tasks.toSorted((a, b) => (a.id < b.id ? -1 : 1)),
      );
    },
  },
  {
    name: "contract, REST: with-structure is all or nothing: a user who does not exist",
    async run(services) {
      const userId = unknownId();
      const creation = services.goals.createGoalWithStructure(makeGoalStructureData(userId));
      await assertRelatedRowMissing(creation, "userId", userId);
      assert.deepEqual(await totalsOf(services, userId), { goals: 0, tasks: 0 });
    },
  },
  {
    name: "contract, Errors: with-structure names the place of a broken rule, milestones.0.tasks.2.title, and writes nothing",
    async run(services) {
      const { id: userId } = await services.users.createUser(makeUserData());
      for (const [structure, path] of brokenStructures(userId)) {
        await assertInvalid(services.goals.createGoalWithStructure(structure), path);
      }
      assert.deepEqual(await totalsOf(services, userId), { goals: 0, tasks: 0 });
    },
  },
  {
    name: "contract, REST: with-structure ignores unknown fields; the rows belong to the goal that is created",
    async run(services) {
      const other = await createOwner(services);
      const { id: userId } = await services.users.createUser(makeUserData());
      const stray = {
        userId: other.user.id,
        goalId: other.goal.id,
        milestoneId: unknownId(),
        colour: 1,
      };
      const task = untyped({ title: "Run" }, stray);
      const milestone = untyped({ weekNumber: 1, title: "First" }, { ...stray, tasks: [task] });
      const goal = untyped({ userId, title: "Goal" }, { goalId: other.goal.id, colour: 1 });
      const structure = untyped({ goal, milestones: [milestone] }, { ...stray, tasks: [task] });
      const created = await services.goals.createGoalWithStructure(structure);
      assert.notEqual(created.id, other.goal.id);
      assert.equal(created.milestones[0]?.goalId, created.id);
      const owners = created.tasks.map((row) => [row.userId, row.goalId, row.milestoneId]);
      assert.deepEqual(owners, [[userId, created.id, created.milestones[0]?.id]]);
      assert.deepEqual(await services.goals.getGoal(other.goal.id), other.goal);
    },
  },
];
