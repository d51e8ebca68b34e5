import { ConversationQueries } from "../../handwritten/conversation-queries.ts";
import { GoalQueries } from "../../handwritten/goal-queries.ts";
import { toColumns, toPage, toPageAfter, toStatistics, toUpdates } from "../../handwritten/results.ts";
import type { SqlTag } from "../../handwritten/sql-tag.ts";
import { TaskQueries } from "../../handwritten/task-queries.ts";
import type { OwnedNewTask } from "../../handwritten/task-transfer.ts";
import type { Operations } from "../../operations.ts";
import type { Calls, FullTask } from "../calls.ts";

/** The operations by hand-written SQL, on any driver. */
export function handwrittenOperations(sql: SqlTag, calls: Calls) {
  const tasks = new TaskQueries(sql);
  const goals = new GoalQueries(sql);
  const conversations = new ConversationQueries(sql);
  const newTask = toRow(calls.task);
  return {
    find: (call) => tasks.find(calls.taskId(call)),
    timerange: (call) => {
      const { userId, start, end } = calls.week(call);
      return tasks.byTimerange(userId, start, end);
    },
    statistics: async (call) => {
      const { userId, start, end } = calls.month(call);
      return toStatistics(userId, await tasks.statistics(userId, start, end));
    },
    page: async () => toPage(await tasks.page(100, 0), 1, 100),
    pageUncounted: async () => toPageAfter(await tasks.pageAfter(100, undefined), undefined, 100),
    pageDeep: async () => toPage(await tasks.page(100, (calls.lastPage - 1) * 100), calls.lastPage, 100),
    pageCursor: async () => {
      const after = calls.inputs.beforeLastPage;
      return toPageAfter(await tasks.pageAfter(100, after), after, 100);
    },
    full: (call) => goals.full(calls.goalId(call)),
    create: () => tasks.create(newTask.user_id, newTask.goal_id, newTask.milestone_id, newTask),
    update: (call) => {
      const { id, title, state } = calls.change(call);
      return tasks.update(id, title, state);
    },
    append: async (call) => ({
      message_count: await conversations.append(calls.conversationId(call), calls.messages(call)),
    }),
    bulk: async (call) => {
      const { ids, state } = calls.bulk(call);
      return { updated_count: await tasks.bulkUpdateState(ids, state) };
    },
    updateMany: async (call) => {
      const columns = toColumns(calls.changes(call));
      return toUpdates(columns.ids, await tasks.updateMany(columns));
    },
    structure8x5: () => goals.createStructure(calls.smallStructure.rows),
    structure20x50: () => goals.createStructure(calls.largeStructure.rows),
  } as const satisfies Operations;
}

/** A new task with column names. */
export function toRow(task: FullTask): OwnedNewTask {
  return {
    user_id: task.userId,
    goal_id: task.goalId,
    milestone_id: task.milestoneId,
    title: task.title,
    start_time: task.startTime,
    end_time: task.endTime,
    state: task.state,
    priority: task.priority,
    trigger_type: task.triggerType,
    is_recurring: task.isRecurring,
    calendar_event_id: task.calendarEventId,
  };
}
