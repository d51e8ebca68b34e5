import { relations } from "drizzle-orm";
import { boolean, integer, pgEnum, pgTable, text, timestamp, uuid, varchar } from "drizzle-orm/pg-core";

/** The tables as in Drizzle's docs, without what only migrations need. */
export const taskState = pgEnum("task_state", ["scheduled", "drifted", "completed", "missed"]);
export const taskPriority = pgEnum("task_priority", ["standard", "important", "must-not-miss"]);
export const triggerType = pgEnum("trigger_type", ["time", "on_leaving_home"]);

export const goals = pgTable("goals", {
  id: uuid("id").primaryKey().defaultRandom(),
  userId: uuid("user_id").notNull(),
  title: text("title").notNull(),
  category: text("category"),
  timeline: text("timeline"),
  status: text("status").notNull().default("active"),
  createdAt: timestamp("created_at", { withTimezone: true }).notNull().defaultNow(),
});

export const milestones = pgTable("milestones", {
  id: uuid("id").primaryKey().defaultRandom(),
  goalId: uuid("goal_id")
    .notNull()
    .references(() => goals.id),
  weekNumber: integer("week_number").notNull(),
  title: text("title").notNull(),
  status: text("status").notNull().default("pending"),
  createdAt: timestamp("created_at", { withTimezone: true }).notNull().defaultNow(),
});

export const tasks = pgTable("tasks", {
  id: uuid("id").primaryKey().defaultRandom(),
  userId: uuid("user_id").notNull(),
  goalId: uuid("goal_id")
    .notNull()
    .references(() => goals.id),
  milestoneId: uuid("milestone_id").references(() => milestones.id),
  title: text("title").notNull(),
  startTime: timestamp("start_time", { withTimezone: true }),
  endTime: timestamp("end_time", { withTimezone: true }),
  state: taskState("state").notNull().default("scheduled"),
  priority: taskPriority("priority").notNull().default("standard"),
  triggerType: triggerType("trigger_type").notNull().default("time"),
  isRecurring: boolean("is_recurring").notNull().default(false),
  calendarEventId: varchar("calendar_event_id", { length: 255 }),
  createdAt: timestamp("created_at", { withTimezone: true }).notNull().defaultNow(),
});

export const goalRelations = relations(goals, ({ many }) => ({ milestones: many(milestones), tasks: many(tasks) }));
export const milestoneRelations = relations(milestones, ({ one }) => ({
  goal: one(goals, { fields: [milestones.goalId], references: [goals.id] }),
}));
export const taskRelations = relations(tasks, ({ one }) => ({
  goal: one(goals, { fields: [tasks.goalId], references: [goals.id] }),
}));
