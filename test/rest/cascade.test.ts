import { describe, expect, test } from "vitest";
import { expectStatus } from "./answer.ts";
import { createConversation, createGoal, createMilestone, createTask, createUser } from "./rows.ts";
import { useRestServer } from "./server.ts";

const { call } = useRestServer();

/** A user with one row of everything, by the path of each row. */
async function createFamily() {
  const user = await createUser(call);
  const goal = await createGoal(call, user);
  const milestone = await createMilestone(call, goal);
  const ofMilestone = await createTask(call, goal, { milestone_id: milestone.id });
  const task = await createTask(call, goal);
  const conversation = await createConversation(call, goal);
  expectStatus(await call("PUT", `/api/v1/demo-flags/${user.id}`, { body: {} }), 200);
  return {
    user: `/api/v1/users/${user.id}`,
    goal: `/api/v1/goals/${goal.id}`,
    milestone: `/api/v1/milestones/${milestone.id}`,
    ofMilestone: `/api/v1/tasks/${ofMilestone.id}`,
    task: `/api/v1/tasks/${task.id}`,
    conversation: `/api/v1/conversations/${conversation.id}`,
    demoFlags: `/api/v1/demo-flags/${user.id}`,
  };
}

const statuses = async (paths: Record<string, string>) =>
  Object.fromEntries(
    await Promise.all(Object.entries(paths).map(async ([name, path]) => [name, (await call("GET", path)).status])),
  );

const all = (status: number) => ({
  user: status,
  goal: status,
  milestone: status,
  ofMilestone: status,
  task: status,
  conversation: status,
  demoFlags: status,
});

describe("Data: every foreign key is ON DELETE CASCADE", () => {
  test("a user goes with everything, and nobody else's", async () => {
    const [family, other] = [await createFamily(), await createFamily()];
    expect(await statuses(family)).toEqual(all(200));
    expectStatus(await call("DELETE", family.user), 204);
    expect(await statuses(family)).toEqual(all(404));
    expect(await statuses(other)).toEqual(all(200));
  });

  test("a goal goes with its milestones, tasks and conversations", async () => {
    const family = await createFamily();
    expectStatus(await call("DELETE", family.goal), 204);
    expect(await statuses(family)).toEqual({ ...all(404), user: 200, demoFlags: 200 });
  });

  test("a milestone goes with its tasks, not with the goal's others", async () => {
    const family = await createFamily();
    expectStatus(await call("DELETE", family.milestone), 204);
    expect(await statuses(family)).toEqual({ ...all(200), milestone: 404, ofMilestone: 404 });
  });

  test("a task goes alone", async () => {
    const family = await createFamily();
    expectStatus(await call("DELETE", family.task), 204);
    expect(await statuses(family)).toEqual({ ...all(200), task: 404 });
  });
});
