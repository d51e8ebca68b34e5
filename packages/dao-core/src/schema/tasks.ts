import { isNotNull, sql } from "drizzle-orm";
import { boolean, check, index, pgEnum, pgTable, text, uuid, varchar } from "drizzle-orm/pg-core";
import { TASK_PRIORITIES, TASK_STATES, TRIGGER_TYPES } from "../contract/fields/constants.ts";
import { createdAtColumn, idColumn, instantCheck, instantColumn, lengthCheck, parentKey } from "./columns.ts";
import { goals } from "./goals.ts";
import { milestones } from "./milestones.ts";
import { users } from "./users.ts";

export const taskState = pgEnum("task_state", TASK_STATES);
export const taskPriority = pgEnum("task_priority", TASK_PRIORITIES);
export const triggerType = pgEnum("trigger_type", TRIGGER_TYPES);

export const tasks = pgTable(
  "tasks",
  {
    id: idColumn(),
    userId: uuid("user_id").notNull(),
    goalId: uuid("goal_id").notNull(),
    milestoneId: uuid("milestone_id"),
    title: text("title").notNull(),
    startTime: instantColumn("start_time"),
    endTime: instantColumn("end_time"),
    state: taskState("state").notNull().default("scheduled"),
    priority: taskPriority("priority").notNull().default("standard"),
    triggerType: triggerType("trigger_type").notNull().default("time"),
    isRecurring: boolean("is_recurring").notNull().default(false),
    calendarEventId: varchar("calendar_event_id", { length: 255 }),
    createdAt: createdAtColumn(),
  },
  (table) => [
    // PostgreSQL checks them in this order: from the parent down, the order in which a cascading delete locks.
    parentKey("tasks_user_id_fkey", table.userId, users.id),
    parentKey("tasks_goal_id_fkey", table.goalId, goals.id),
    parentKey("tasks_milestone_id_fkey", table.milestoneId, milestones.id),
    // Why these indexes: docs/indexes.md
    index("tasks_created_at_idx").on(table.createdAt, table.id),
    index("tasks_user_id_created_at_idx").on(table.userId, table.createdAt, table.id),
    index("tasks_user_id_start_time_idx").on(table.userId, table.startTime, table.id),
    index("tasks_goal_id_idx").on(table.goalId),
    index("tasks_milestone_id_idx").on(table.milestoneId).where(isNotNull(table.milestoneId)),
    index("tasks_calendar_event_id_idx").on(table.calendarEventId).where(isNotNull(table.calendarEventId)),
    lengthCheck("tasks_title_length", table.title, 1, 500),
    lengthCheck("tasks_calendar_event_id_length", table.calendarEventId, 1, 255),
    instantCheck("tasks_start_time_range", table.startTime),
    instantCheck("tasks_end_time_range", table.endTime),
    check("tasks_end_time_not_before_start_time", sql`${table.endTime} >= ${table.startTime}`),
  ],
);
