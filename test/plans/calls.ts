import type { DatabaseSession, TaskImportDto } from "@flux/dao-core";
import type { Samples } from "./samples.ts";

/** A call of a DAO, under its name in the tables. */
export interface NamedCall {
  readonly name: string;
  readonly call: (session: DatabaseSession) => Promise<unknown>;
}

const DAY = 86_400_000;

/** Every statement that the DAOs send, each filter alone, on existing rows. */
export function calls(samples: Samples): NamedCall[] {
  const { now, typical, busy, big } = samples;
  const week = (from: Date) => ({ startTime: from, endTime: new Date(from.getTime() + 7 * DAY) });
  const days = { from: now, before: new Date(now.getTime() + 7 * DAY) };
  const cursorKey = ["startTime", now.toISOString().replace("T", " ").replace("Z", "+00"), typical.taskId];
  const afterNow = Buffer.from(JSON.stringify(cursorKey)).toString("base64url");
  const month = { startDate: new Date(now.getTime() - 30 * DAY), endDate: now };
  const { userId, goalId, milestoneId, taskId, calendarEventId, email, conversationId } = typical;
  const task = { userId, goalId, milestoneId, title: "Run 5 km", startTime: now };
  const structure = (milestones: number, tasks: number) => ({
    goal: { userId, title: "Run a half marathon" },
    milestones: Array.from({ length: milestones }, (_, week) => ({
      weekNumber: week + 1,
      title: `Week ${week + 1}`,
      tasks: Array.from({ length: tasks }, () => ({ title: "Run 5 km", startTime: now, endTime: now })),
    })),
  });
  const many = (count: number) => Array.from({ length: count }, (): TaskImportDto => ({ ...task, endTime: now }));
  const changes = (count: number) =>
    samples.someTasks.slice(0, count).map((id, index) => ({ id, title: `Run ${index} km` }));
  const named = (entries: Record<string, NamedCall["call"]>): NamedCall[] =>
    Object.entries(entries).map(([name, call]) => ({ name, call }));

  return named({
    "task: find": (db) => db.tasks.findById(taskId),
    "task: timerange, 7 days": (db) => db.tasks.findByTimerange({ userId, ...week(typical.startTime) }),
    "task: timerange, 7 days, busy user": (db) => db.tasks.findByTimerange({ userId: busy.userId, ...week(now) }),
    "task: statistics, 30 days": (db) => db.tasks.statistics({ userId, ...month }),
    "task: statistics, 30 days, busy user": (db) => db.tasks.statistics({ userId: busy.userId, ...month }),
    "task: list, page 1": (db) => db.tasks.list({}),
    "task: list, page 1, estimated": (db) => db.tasks.list({ count: "estimated" }),
    "task: list, page 1, not counted": (db) => db.tasks.list({ count: "none" }),
    "task: list, by cursor in the middle": (db) => db.tasks.list({ cursor: samples.middleCursor, count: "none" }),
    "task: list, by cursor, estimated": (db) => db.tasks.list({ cursor: samples.middleCursor, count: "estimated" }),
    "task: list, 1,000 by cursor, as a stream reads": (db) =>
      db.tasks.list({ cursor: samples.middleCursor, limit: 1000, count: "none" }),
    "task: list, page 5,000": (db) => db.tasks.list({ page: 5000 }),
    "task: list by userId": (db) => db.tasks.list({ userId }),
    "task: list by userId, busy user": (db) => db.tasks.list({ userId: busy.userId }),
    "task: list by userId, busy user, by cursor": (db) =>
      db.tasks.list({ userId: busy.userId, cursor: samples.middleCursor, count: "none" }),
    "task: list by userId, busy user, estimated": (db) => db.tasks.list({ userId: busy.userId, count: "estimated" }),
    "task: list by userId, state, busy user": (db) => db.tasks.list({ userId: busy.userId, state: "missed" }),
    "task: list by goalId": (db) => db.tasks.list({ goalId }),
    "task: list by goalId, 1,000 tasks": (db) => db.tasks.list({ goalId: big.goalId }),
    "task: list by milestoneId": (db) => db.tasks.list({ milestoneId }),
    "task: list by calendarEventId": (db) => db.tasks.list({ calendarEventId }),
    "task: list by state": (db) => db.tasks.list({ state: "missed" }),
    "task: list by state, by cursor": (db) =>
      db.tasks.list({ state: "missed", cursor: samples.middleCursor, count: "none" }),
    "task: list by state, estimated": (db) => db.tasks.list({ state: "missed", count: "estimated" }),
    "task: list by priority": (db) => db.tasks.list({ priority: "important" }),
    "task: list by triggerType": (db) => db.tasks.list({ triggerType: "on_leaving_home" }),
    "task: list by isRecurring": (db) => db.tasks.list({ isRecurring: true }),
    "task: list by 100 ids": (db) => db.tasks.list({ id: samples.someTasks.slice(0, 100) }),
    "task: list by several milestones": (db) => db.tasks.list({ milestoneId: [milestoneId, goalId] }),
    "task: list by several calendar events": (db) => db.tasks.list({ calendarEventId: [calendarEventId, "none"] }),
    "task: list by userId, two states, busy user": (db) =>
      db.tasks.list({ userId: busy.userId, state: ["missed", "drifted"], count: "none" }),
    "task: list by userId, without a milestone, busy user": (db) =>
      db.tasks.list({ userId: busy.userId, milestoneId: null, count: "none" }),
    "task: list by userId, 7 days, by startTime, busy user": (db) =>
      db.tasks.list({ userId: busy.userId, startTime: days, sort: "startTime" }),
    "task: list by userId, by startTime, busy user": (db) => db.tasks.list({ userId: busy.userId, sort: "startTime" }),
    "task: list by userId, by -startTime, busy user": (db) =>
      db.tasks.list({ userId: busy.userId, sort: "-startTime" }),
    "task: list by userId, by startTime, by cursor, busy user": (db) =>
      db.tasks.list({ userId: busy.userId, sort: "startTime", cursor: afterNow, count: "none" }),
    "task: list by userId, by -title, busy user": (db) => db.tasks.list({ userId: busy.userId, sort: "-title" }),
    "task: list by goalId, by title, 1,000 tasks": (db) => db.tasks.list({ goalId: big.goalId, sort: "title" }),
    "task: list by 100 ids, by endTime": (db) =>
      db.tasks.list({ id: samples.someTasks.slice(0, 100), sort: "endTime" }),
    "task: list by createdAt, not counted": (db) => db.tasks.list({ sort: "createdAt", count: "none" }),
    "task: count by userId, busy user": (db) => db.tasks.count({ userId: busy.userId }),
    "task: create": (db) => db.tasks.create(task),
    "task: create 1,000 at once": (db) => db.tasks.createMany(many(1000)),
    "task: update state": (db) => db.tasks.update(taskId, { state: "completed" }),
    "task: update times": (db) => db.tasks.update(taskId, { startTime: now, endTime: now }),
    "task: bulk update, 100 ids": (db) =>
      db.tasks.bulkUpdateState({ taskIds: samples.someTasks.slice(0, 100), newState: "drifted" }),
    "task: bulk update, 1,000 ids": (db) =>
      db.tasks.bulkUpdateState({ taskIds: samples.someTasks, newState: "drifted" }),
    "task: different changes, 100 tasks": (db) => db.tasks.updateMany(changes(100)),
    "task: different changes, 1,000 tasks": (db) => db.tasks.updateMany(changes(1000)),
    "task: delete": (db) => db.tasks.delete(taskId),
    "goal: find": (db) => db.goals.findById(goalId),
    "goal: full, 16 tasks": (db) => db.goals.findWithRelations(goalId),
    "goal: full, 1,000 tasks": (db) => db.goals.findWithRelations(big.goalId),
    "goal: list, page 1": (db) => db.goals.list({}),
    "goal: list by userId": (db) => db.goals.list({ userId }),
    "goal: list by status": (db) => db.goals.list({ status: "done" }),
    "goal: list by category": (db) => db.goals.list({ category: "music" }),
    "goal: structure 8 × 5": (db) => db.goals.createWithStructure(structure(8, 5)),
    "goal: structure 20 × 50": (db) => db.goals.createWithStructure(structure(20, 50)),
    "goal: update": (db) => db.goals.update(goalId, { status: "done" }),
    "goal: delete, cascades": (db) => db.goals.delete(goalId),
    "goal: delete, 1,000 tasks": (db) => db.goals.delete(big.goalId),
    "milestone: list by goalId": (db) => db.milestones.list({ goalId }),
    "milestone: list by goalId, by weekNumber": (db) => db.milestones.list({ goalId, sort: "weekNumber" }),
    "milestone: list by status": (db) => db.milestones.list({ status: "pending" }),
    "milestone: delete, cascades": (db) => db.milestones.delete(milestoneId),
    "user: list, page 1": (db) => db.users.list({}),
    "user: list by email": (db) => db.users.list({ email }),
    "user: delete, cascades": (db) => db.users.delete(userId),
    "user: delete, busy user": (db) => db.users.delete(busy.userId),
    "conversation: list by userId": (db) => db.conversations.list({ userId }),
    "conversation: list by goalId": (db) => db.conversations.list({ goalId }),
    "conversation: list by status": (db) => db.conversations.list({ status: "open" }),
    "conversation: update": (db) => db.conversations.update(conversationId, { status: "closed" }),
  });
}
