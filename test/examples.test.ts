import { createDaoServices, type DaoServices } from "@flux/dao-core";
import { createTestDatabase, makeUserData, type TestDatabase } from "@flux/dao-core/testing";
import { createDaoApp } from "@flux/dao-http";
import { createDaoClient } from "@flux/dao-http/client";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { markMissedTasks } from "../examples/batch-job/mark-missed-tasks.ts";
import { createGoalWithPlan } from "../examples/goal-planner/create-goal-with-plan.ts";
import { analyzeUserPatterns } from "../examples/observer/analyze-user-patterns.ts";
import { schedulerDailySync } from "../examples/scheduler/daily-sync.ts";
import { linkCalendarEvent } from "../examples/scheduler/link-calendar-event.ts";

let testDatabase: TestDatabase;
beforeAll(async () => {
  testDatabase = await createTestDatabase({ serverUrl: inject("adminUrl") });
});
afterAll(() => testDatabase.drop());

function overHttp(): DaoServices {
  const app = createDaoApp({ services: testDatabase.database, keys: [{ name: "examples", key: "examples-key" }] });
  const fetch = (url: string | URL | Request, init?: RequestInit) => app.fetch(new Request(url, init));
  return createDaoClient({ baseUrl: "http://dao.test", serviceKey: "examples-key", fetch });
}

describe.each([
  { how: "in-process", open: () => createDaoServices(testDatabase.database) },
  { how: "over HTTP", open: overHttp },
])("the guide's flows, $how", ({ open }) => {
  test("the goal planner's plan is the published one: 9 weeks, 27 runs", async () => {
    const plan = await createGoalWithPlan(open(), makeUserData().email, new Date("2026-03-02T00:00:00Z"));
    expect(plan.milestones.map(({ weekNumber }) => weekNumber)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(plan.tasks).toHaveLength(27);
    for (const { id } of plan.milestones) {
      expect(plan.tasks.filter(({ milestoneId }) => milestoneId === id)).toHaveLength(3);
    }
    expect(plan.tasks[0]?.startTime?.toISOString()).toBe("2026-03-02T07:00:00.000Z");
  });

  test("the scheduler marks as drifted what has passed, and links an event", async () => {
    const services = open();
    const plan = await createGoalWithPlan(services, makeUserData().email, new Date("2026-03-02T00:00:00Z"));
    const evening = new Date("2026-03-04T20:00:00Z");
    expect(await schedulerDailySync(services, plan.userId, evening)).toEqual({ tasksChecked: 1, drifted: 1 });
    expect(await schedulerDailySync(services, plan.userId, evening)).toEqual({ tasksChecked: 1, drifted: 0 });
    const task = await linkCalendarEvent(services, plan.tasks[2]?.id ?? "", "event-1");
    expect(task.calendarEventId).toBe("event-1");
  });

  test("the observer sees the statistics, and the batch job what was missed", async () => {
    const services = open();
    const plan = await createGoalWithPlan(services, makeUserData().email, new Date("2026-03-02T00:00:00Z"));
    const taskIds = plan.tasks.slice(0, 4).map(({ id }) => id);
    await services.tasks.bulkUpdateState({ taskIds, newState: "drifted" });
    expect(await analyzeUserPatterns(services, plan.userId)).toMatchObject({
      totalTasks: 27,
      byState: { drifted: 4, scheduled: 23 },
      completionRate: 0,
      lowCompletionRate: true,
    });
    await markMissedTasks(services.tasks, new Date("2026-04-30T00:00:00Z"));
    const { byState } = await analyzeUserPatterns(services, plan.userId);
    expect(byState).toMatchObject({ missed: 4, drifted: 0 });
  });
});
