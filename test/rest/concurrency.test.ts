import { beforeAll, describe, expect, test } from "vitest";
import { expectProblem, expectStatus } from "./answer.ts";
import {
  createGoal,
  createOwner,
  createTask,
  createUser,
  type GoalRow,
  type GoalWithRelations,
  idsOf,
  type PageOf,
  type TaskRow,
  type UserRow,
  uniqueEmail,
} from "./rows.ts";
import { useRestServer } from "./server.ts";

const { call } = useRestServer();

const times = <Result>(count: number, make: (index: number) => Promise<Result>) =>
  Promise.all(Array.from({ length: count }, (_, index) => make(index)));

/** The number of responses by status. */
function tally(answers: readonly { readonly status: number }[]): Record<number, number> {
  const counts: Record<number, number> = {};
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}

let goal: GoalRow;
beforeAll(async () => {
  goal = await createOwner(call);
});

describe("Under concurrency", { timeout: 30_000 }, () => {
  test("20 racing creates with one e-mail: one 201 and nineteen 409", async () => {
    for (let round = 0; round < 3; round++) {
      const email = uniqueEmail();
      const answers = await times(20, (index) => call("POST", "/api/v1/users/", { body: { name: `${index}`, email } }));
      expect(tally(answers)).toEqual({ 201: 1, 409: 19 });
      expect(expectStatus(await call("GET", `/api/v1/users/?email=${email}`), 200)).toMatchObject({ total: 1 });
    }
  });

  test("20 racing PATCHes to one e-mail: one 200 and nineteen 409", async () => {
    const users = await times(20, () => createUser(call));
    const email = uniqueEmail();
    const answers = await Promise.all(users.map(({ id }) => call("PATCH", `/api/v1/users/${id}`, { body: { email } })));
    expect(tally(answers)).toEqual({ 200: 1, 409: 19 });
  });

  test("600 concurrent first PUTs of one user's demo flags are all 200, and one of them remains", async () => {
    const user = await createUser(call);
    const path = `/api/v1/demo-flags/${user.id}`;
    const answers = await times(600, (index) => call("PUT", path, { body: { escalation_speed: index } }));
    expect(tally(answers)).toEqual({ 200: 600 });
    answers.forEach(({ body }, index) => {
      expect(body).toMatchObject({ escalation_speed: index });
    });
    const { escalation_speed } = expectStatus(await call<{ escalation_speed: number }>("GET", path), 200);
    expect(Number.isInteger(escalation_speed) && escalation_speed >= 0 && escalation_speed < 600).toBe(true);
  });

  test("a response is sent after the commit: a read that follows a write sees it", async () => {
    await times(12, async (number) => {
      for (let round = 0; round < 3; round++) {
        const task = await createTask(call, goal, { title: `${number}-${round}` });
        const path = `/api/v1/tasks/${task.id}`;
        expect(expectStatus(await call("GET", path), 200)).toStrictEqual(task);
        expectStatus(await call("PATCH", path, { body: { title: "changed" } }), 200);
        expect(expectStatus(await call("GET", path), 200)).toMatchObject({ title: "changed" });
        const bulk = { task_ids: [task.id], new_state: "missed" };
        expectStatus(await call("POST", "/api/v1/tasks/bulk-update-state", { body: bulk }), 200);
        expect(expectStatus(await call("GET", path), 200)).toMatchObject({ state: "missed" });
        expectStatus(await call("DELETE", path), 204);
        expectProblem(await call("GET", path), 404);
      }
    });
  });

  test("tasks created while their goal is deleted are 201 or 422, and none outlives it", async () => {
    const seen = new Set<number>();
    for (let round = 0; round < 6; round++) {
      const doomed = await createGoal(call, { id: goal.user_id });
      const body = { user_id: doomed.user_id, goal_id: doomed.id, title: "x" };
      const create = () => call("POST", "/api/v1/tasks/", { body });
      const first = create();
      const creates = times(11, create);
      // At least one was created while the goal existed: a delete that precedes all of them would be no race.
      await first;
      const deletion = call("DELETE", `/api/v1/goals/${doomed.id}`);
      const later = times(12, create);
      const answers = [await first, ...(await creates), ...(await later)];
      expectStatus(await deletion, 204);
      for (const { status } of answers) seen.add(status);
      expect(answers.filter(({ status }) => status !== 201 && status !== 422)).toEqual([]);
      expect(expectStatus(await call("GET", `/api/v1/tasks/?goal_id=${doomed.id}`), 200)).toMatchObject({ total: 0 });
    }
    // Both outcomes occurred, so there was a race.
    expect([...seen].sort()).toEqual([201, 422]);
  });

  test("a second delete is 404, never 500: of 20 concurrent ones one is 204", async () => {
    const user = await createUser(call);
    await createTask(call, await createGoal(call, user));
    const answers = await times(20, () => call("DELETE", `/api/v1/users/${user.id}`));
    expect(tally(answers)).toEqual({ 204: 1, 404: 19 });
  });

  test("a PATCH that races with the deletion of its row is 200 or 404", async () => {
    for (let round = 0; round < 5; round++) {
      const task = await createTask(call, goal);
      const path = `/api/v1/tasks/${task.id}`;
      const answers = await times(10, (index) =>
        index === 5 ? call("DELETE", path) : call("PATCH", path, { body: { title: `${index}` } }),
      );
      expect(answers.filter(({ status }) => ![200, 204, 404].includes(status))).toEqual([]);
      expect(tally(answers)[204]).toBe(1);
    }
  });

  test("bulk updates in opposite order never deadlock: all are 200, and each counts all tasks", async () => {
    const body = {
      goal: { user_id: goal.user_id, title: "Much to do" },
      milestones: [{ week_number: 1, title: "m", tasks: Array.from({ length: 120 }, () => ({ title: "t" })) }],
    };
    const made = await call<GoalWithRelations>("POST", "/api/v1/goals/with-structure", { body });
    const ids = idsOf(expectStatus(made, 201).tasks);
    const interleaved = ids.map((_, index) => ids[(index * 7) % ids.length]);
    const orders = [ids, ids.toReversed(), interleaved];
    for (let round = 0; round < 4; round++) {
      const answers = await times(20, (index) => {
        const new_state = index % 2 === 0 ? "missed" : "completed";
        return call("POST", "/api/v1/tasks/bulk-update-state", { body: { task_ids: orders[index % 3], new_state } });
      });
      expect(tally(answers)).toEqual({ 200: 20 });
      for (const answer of answers) expect(answer.body).toEqual({ updated_count: 120 });
      // Each is one transaction: all tasks have the state of the last one.
      const filter = `/api/v1/tasks/?goal_id=${made.body.id}&limit=1&state=`;
      const counts = [];
      for (const state of ["missed", "completed"]) {
        counts.push(expectStatus(await call<PageOf<TaskRow>>("GET", filter + state), 200).total);
      }
      expect(counts.sort()).toEqual([0, 120]);
    }
  });

  test("structures created concurrently are complete, each by itself", async () => {
    const structure = (number: number) => ({
      goal: { user_id: goal.user_id, title: `s${number}` },
      milestones: Array.from({ length: 4 }, (_, week) => ({
        week_number: week + 1,
        title: `s${number} m${week}`,
        tasks: Array.from({ length: 5 }, (_, task) => ({ title: `s${number} m${week} t${task}` })),
      })),
    });
    const answers = await times(30, (number) =>
      call<GoalWithRelations>("POST", "/api/v1/goals/with-structure", { body: structure(number) }),
    );
    answers.forEach((answer, number) => {
      const { milestones, tasks } = expectStatus(answer, 201);
      expect(milestones.map(({ title }) => title)).toEqual(structure(number).milestones.map(({ title }) => title));
      expect(tasks.filter(({ title }) => !title.startsWith(`s${number} `))).toEqual([]);
      expect(tasks).toHaveLength(20);
    });
  });

  test("a page and its total are from one snapshot, also while rows are inserted", async () => {
    const busy = await createOwner(call);
    const writes = times(40, () => createTask(call, busy));
    const pages = await times(40, () => call<PageOf<TaskRow>>("GET", `/api/v1/tasks/?goal_id=${busy.id}`));
    await writes;
    for (const page of pages) {
      const { items, total } = expectStatus(page, 200);
      expect(items).toHaveLength(total);
    }
  });

  test("200 concurrent callers all get a response", async () => {
    const user = await createUser(call);
    const answers = await times(200, () => call<UserRow>("GET", `/api/v1/users/${user.id}`));
    expect(tally(answers)).toEqual({ 200: 200 });
  });
});
