import assert from "node:assert/strict";
import type { ChangeDto, ListChangesRequest } from "../../contract/change.ts";
import type { DaoServices } from "../../contract/services.ts";
import { makeGoalData, makeMilestoneData, makeTaskData, makeUserData } from "../factories.ts";
import { assertInvalid, assertNotFound, assertRefused, assertRejectsWith } from "./assert-refused.ts";
import type { ContractCase } from "./contract-case.ts";
import { createFamily } from "./sample-rows.ts";

/** Where the feed ends now. */
async function endOf({ changes }: DaoServices): Promise<string> {
  return (await changes.listChanges({ cursor: "now" })).nextCursor;
}

/** The changes after the cursor, as soon as `isDone`: another reader may be giving positions, so one page may come too early. */
async function listUntil(
  { changes }: DaoServices,
  request: ListChangesRequest,
  isDone: (found: readonly ChangeDto[]) => boolean,
): Promise<ChangeDto[]> {
  const found: ChangeDto[] = [];
  for (let { cursor } = request; !isDone(found); ) {
    const page = await changes.listChanges({ ...request, cursor });
    found.push(...page.items);
    cursor = page.nextCursor;
  }
  return found;
}

const told = ({ entity, operation, id }: ChangeDto) => `${entity} ${operation} ${id}`;

/** The change feed. It must be enabled in the database: `migrate({ changes: true })`. */
export const changeCases: readonly ContractCase[] = [
  {
    name: "changes: every write of one caller is listed once, in its order, with the ids of user and goal",
    async run(services) {
      const cursor = await endOf(services);
      const { users, goals, milestones, tasks, conversations, demoFlags } = services;
      const user = await users.createUser(makeUserData());
      const goal = await goals.createGoal(makeGoalData(user.id));
      const milestone = await milestones.createMilestone(makeMilestoneData(goal.id));
      const task = await tasks.createTask(makeTaskData(user.id, goal.id));
      await tasks.updateTask(task.id, { state: "completed" });
      const conversation = await conversations.createConversation({ userId: user.id, goalId: goal.id });
      await demoFlags.putDemoFlags(user.id, {});
      await demoFlags.putDemoFlags(user.id, { escalationSpeed: 2 });
      await tasks.deleteTask(task.id);
      const found = await listUntil(services, { cursor, userId: user.id }, ({ length }) => length >= 9);
      const { id: userId } = user;
      const of = (entity: string, operation: string, id: string, goalId: string | null = null) => ({
        entity,
        operation,
        id,
        userId,
        goalId,
      });
      assert.deepEqual(
        found.map(({ cursor: _, changedAt, ...change }) => {
          assert.ok(Math.abs(Date.now() - changedAt.getTime()) < 600_000);
          return change;
        }),
        [
          of("user", "created", userId),
          of("goal", "created", goal.id),
          of("milestone", "created", milestone.id, goal.id),
          of("task", "created", task.id),
          of("task", "updated", task.id),
          of("conversation", "created", conversation.id),
          of("demo_flags", "created", userId),
          of("demo_flags", "updated", userId),
          of("task", "deleted", task.id),
        ],
      );
    },
  },
  {
    name: "changes: a deletion comes before those of the rows that it took along",
    async run(services) {
      const { user, goal, milestone, milestoneTask, looseTask, conversation } = await createFamily(services);
      const cursor = await endOf(services);
      await services.users.deleteUser(user.id);
      const family = new Set([user, goal, milestone, milestoneTask, looseTask, conversation].map(({ id }) => id));
      const ofFamily = (all: readonly ChangeDto[]) => all.filter(({ id }) => family.has(String(id)));
      const found = await listUntil(services, { cursor }, (all) => ofFamily(all).length >= 7);
      const [first, ...rest] = ofFamily(found);
      assert.equal(first && told(first), `user deleted ${user.id}`);
      const others = [
        ...Object.entries({ goal, milestone, conversation }).map(([entity, { id }]) => `${entity} deleted ${id}`),
        ...[milestoneTask, looseTask].map(({ id }) => `task deleted ${id}`),
        `demo_flags deleted ${user.id}`,
      ];
      assert.deepEqual(rest.map(told).sort(), others.sort());
      // The goal that would tell whose milestone it was is gone.
      const ofMilestone = rest.find(({ entity }) => entity === "milestone");
      assert.deepEqual([ofMilestone?.goalId, ofMilestone?.userId], [goal.id, null]);
    },
  },
  {
    name: "changes: filtered by entity and user; a page continues where the one before ended",
    async run(services) {
      const cursor = await endOf(services);
      const { user, goal } = await createFamily(services);
      await createFamily(services);
      const created: string[] = [];
      for (let count = 0; count < 5; count++) {
        created.push((await services.tasks.createTask(makeTaskData(user.id, goal.id))).id);
      }
      const filter = { cursor, entity: "task", userId: user.id.toUpperCase(), limit: 2 } as const;
      const found = await listUntil(services, filter, ({ length }) => length >= 7);
      assert.deepEqual(
        found.slice(-5).map(({ id }) => id),
        created,
      );
      assert.equal(new Set(found.map((change) => change.cursor)).size, 7);
      const { items } = await services.changes.listChanges({ ...filter, cursor: found[3]?.cursor });
      assert.deepEqual(items, found.slice(4, 6));
    },
  },
  {
    name: "changes: start is the oldest change, and now has none yet",
    async run(services) {
      const { user, looseTask } = await createFamily(services);
      const now = await services.changes.listChanges({ cursor: "now" });
      assert.deepEqual({ items: now.items, hasNext: now.hasNext }, { items: [], hasNext: false });
      const found = await listUntil(services, { cursor: "start", entity: "task", userId: user.id }, (all) =>
        all.some(({ id }) => id === looseTask.id),
      );
      assert.equal(found.filter(({ id }) => id === looseTask.id).length, 1);
      const [first] = (await services.changes.listChanges({ limit: 1 })).items;
      assert.deepEqual(first, (await services.changes.listChanges({ cursor: "start", limit: 1 })).items[0]);
    },
  },
  {
    name: "changes: work that was rolled back is not told",
    async run(services) {
      const cursor = await endOf(services);
      const { id } = await services.users.createUser(makeUserData());
      const failing = services.batch([
        ["users.updateUser", id, { name: "Other" }],
        ["users.getUser", crypto.randomUUID()],
      ]);
      await assertNotFound(failing);
      await services.users.updateUser(id, { name: "Another" });
      const found = await listUntil(services, { cursor, userId: id }, ({ length }) => length >= 2);
      assert.deepEqual(found.map(told), [`user created ${id}`, `user updated ${id}`]);
    },
  },
  {
    name: "changes: a follower receives changes as they happen, and goes on from the cursor of any of them",
    async run(services) {
      const { user, goal } = await createFamily(services);
      const cursor = await endOf(services);
      const write = async () => {
        for (let count = 0; count < 20; count++) await services.tasks.createTask(makeTaskData(user.id, goal.id));
      };
      const written = write();
      const first: ChangeDto[] = [];
      const request = { userId: user.id, entity: "task" } as const;
      for await (const change of services.changes.followChanges({ ...request, cursor })) {
        first.push(change);
        if (first.length === 7) break;
      }
      const rest: ChangeDto[] = [];
      for await (const change of services.changes.followChanges({ ...request, cursor: first.at(-1)?.cursor })) {
        rest.push(change);
        if (rest.length === 13) break;
      }
      await written;
      const { items } = await services.tasks.listTasks({ goalId: goal.id, count: "none" });
      const known = new Set(items.map(({ id }) => id));
      const ids = [...first, ...rest].map(({ id }) => String(id));
      assert.equal(new Set(ids).size, 20);
      assert.ok(ids.every((id) => known.has(id)));
    },
  },
  {
    name: "changes: a follower that waits ends with its signal",
    async run(services) {
      const controller = new AbortController();
      const reason = new Error("enough");
      const follow = async () => {
        const request = { cursor: "now", userId: crypto.randomUUID() };
        for await (const { operation } of services.changes.followChanges(request, { signal: controller.signal })) {
          assert.equal(operation, "resync");
        }
      };
      setTimeout(() => controller.abort(reason), 50);
      await assertRejectsWith(follow(), reason);
    },
  },
  {
    name: "changes: a cursor that is not known is cursor_expired, and one that cannot be one is refused",
    async run(services) {
      const { nextCursor } = await services.changes.listChanges({ cursor: "now" });
      const [position = "", token = ""] = nextCursor.split("-");
      const other = token === "1" ? "2" : "1";
      for (const cursor of [`${position}-${other}`, `${Number(position) + 1_000_000}-${token}`]) {
        await assertRefused(services.changes.listChanges({ cursor }), "cursor_expired");
        const follower = services.changes.followChanges({ cursor })[Symbol.asyncIterator]();
        await assertRefused(follower.next(), "cursor_expired");
      }
      for (const cursor of ["", "later", "12", "12-xyz"]) {
        await assertInvalid(services.changes.listChanges({ cursor }), "cursor");
      }
      await assertInvalid(services.changes.listChanges({ limit: 1_001 }), "limit");
      await assertInvalid(services.changes.listChanges({ userId: "7" }), "userId");
      await assertInvalid(services.changes.listChanges(Object({ entity: "users" })), "entity");
    },
  },
];
