import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { conversationCreateDto } from "../../contract/conversation.ts";
import { demoFlagsPutDto } from "../../contract/demo-flags.ts";
import { ValidationError } from "../../contract/errors.ts";
import { goalCreateDto } from "../../contract/goal.ts";
import { milestoneCreateDto } from "../../contract/milestone.ts";
import { taskImportDto } from "../../contract/task.ts";
import { userCreateDto } from "../../contract/user.ts";
import { type DemoDataOptions, makeDemoData } from "./demo-data.ts";

const from = new Date("2026-03-02T00:00:00Z");

/** All of it, the tasks read. */
const made = (options: DemoDataOptions) =>
  [...makeDemoData({ from, ...options })].map((user) => ({
    ...user,
    goals: user.goals.map((goal) => ({ ...goal, tasks: [...goal.tasks] })),
  }));

const digest = (data: unknown) => createHash("sha256").update(JSON.stringify(data)).digest("hex");

const sample = made({ users: 60, tasks: 4_000 });
const goals = sample.flatMap((user) => user.goals);
const milestones = goals.flatMap((goal) => goal.milestones);
const tasks = goals.flatMap((goal) => goal.tasks);
const conversations = goals.flatMap(({ conversation }) => (conversation === undefined ? [] : [conversation]));

describe("demo data", () => {
  test("is the same for the same options, down to the byte, whenever and wherever it is made", () => {
    expect(made({ users: 60, tasks: 4_000 })).toEqual(sample);
    // People have this in databases and screenshots, so users notice a change.
    expect(digest(made({ seed: 7, users: 5, tasks: 200 }))).toBe(
      "7722bca0f9c0dabf556d4cfb2f63ec3d716d2308b49e1fd15264117d5f71f2ca",
    );
  });

  test("is other people's for another seed, and other times' for another date", () => {
    const emails = new Set(sample.map(({ data }) => data.email));
    expect(made({ seed: 2, users: 60, tasks: 0 }).filter(({ data }) => emails.has(data.email))).toEqual([]);
    const later = made({ users: 60, tasks: 4_000, from: new Date("2026-03-09") });
    expect(later.map(({ data }) => data.email)).toEqual([...emails]);
    expect(later.map(({ id }) => id)).not.toEqual(sample.map(({ id }) => id));
  });

  test("has as many users and tasks as were asked for", () => {
    expect([sample.length, tasks.length]).toEqual([60, 4_000]);
    expect(sample.map(({ taskCount }) => taskCount)).toEqual(
      sample.map((user) => user.goals.flatMap((goal) => goal.tasks).length),
    );
    expect(made({ users: 3 }).reduce((sum, { taskCount }) => sum + taskCount, 0)).toBe(300);
    expect(made({ tasks: 250 }).length).toBe(3);
    expect(made({ users: 2, tasks: 0 }).flatMap((user) => user.goals).length).toBeGreaterThan(0);
    expect(made({ users: 1, tasks: 5_000 })[0]?.taskCount).toBe(5_000);
    expect(made({ users: 0 })).toEqual([]);
    expect(makeDemoData({ from }).next().value?.data.name).toBe(sample[0]?.data.name);
  });

  test("breaks no rule", () => {
    for (const { data, demoFlags } of sample) {
      userCreateDto.parse(data);
      if (demoFlags !== undefined) demoFlagsPutDto.parse(demoFlags);
      expect(data.demoMode).toBe(demoFlags !== undefined);
      expect(data.email).toMatch(/^[a-z]+\.[a-z]+\.1-\d+@example\.com$/);
    }
    for (const { data } of goals) goalCreateDto.parse(data);
    for (const { data } of milestones) milestoneCreateDto.parse(data);
    for (const { data } of conversations) conversationCreateDto.parse(data);
    for (const task of tasks) taskImportDto.parse(task);
    expect(new Set(sample.map(({ data }) => data.email)).size).toBe(60);
    const ids = [...sample, ...goals, ...milestones, ...tasks, ...conversations].map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  test("is seen from its date: what lies before is done or was not done in time, what lies behind is scheduled", () => {
    for (const { state, startTime, endTime } of tasks) {
      const isOver = endTime != null && endTime <= from;
      expect({ state, startTime, isPossible: (state === "scheduled") !== isOver }).toMatchObject({ isPossible: true });
    }
    for (const state of ["scheduled", "drifted", "completed", "missed"]) {
      expect(tasks.filter((task) => task.state === state).length, state).toBeGreaterThan(50);
    }
    for (const { data, milestones: weeks } of goals) {
      expect(data.status).toBe(weeks.every((week) => week.data.status === "completed") ? "completed" : "active");
      expect(weeks.filter((week) => week.data.status === "in_progress").length).toBeLessThanOrEqual(1);
    }
    expect(new Set(milestones.map(({ data }) => data.status))).toEqual(
      new Set(["completed", "in_progress", "pending"]),
    );
  });

  test("has a task in the week of its milestone, in the order of its goal", () => {
    for (const goal of goals) {
      const weekOf = new Map(goal.milestones.map(({ id, data }) => [id, data.weekNumber]));
      const weeks = goal.tasks.flatMap(({ milestoneId }) =>
        milestoneId == null ? [] : (weekOf.get(milestoneId) ?? -1),
      );
      expect(weeks).toEqual(weeks.toSorted((a, b) => a - b));
      const ids = goal.tasks.map(({ id }) => id);
      expect(ids).toEqual(ids.toSorted());
    }
  });

  test.each([
    [{ seed: -1 }, "seed"],
    [{ seed: 2 ** 32 }, "seed"],
    [{ users: 1.5 }, "users"],
    [{ users: 0, tasks: 1 }, "users"],
    [{ users: 1, tasks: Number.NaN }, "tasks"],
    [{ from: new Date(Number.NaN) }, "from"],
    [{ from: new Date("1970-01-01") }, "from"],
  ])("%j is refused, at the call", (options, path) => {
    expect(() => makeDemoData(options)).toThrow(ValidationError);
    expect(() => makeDemoData(options)).toThrow(new RegExp(`^${path} must be `));
  });
});
