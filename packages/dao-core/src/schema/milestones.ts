import { sql } from "drizzle-orm";
import { check, index, integer, pgTable, text, uuid } from "drizzle-orm/pg-core";
import { createdAtColumn, idColumn, lengthCheck, parentKey } from "./columns.ts";
import { goals } from "./goals.ts";

export const milestones = pgTable(
  "milestones",
  {
    id: idColumn(),
    goalId: uuid("goal_id").notNull(),
    weekNumber: integer("week_number").notNull(),
    title: text("title").notNull(),
    status: text("status").notNull().default("pending"),
    createdAt: createdAtColumn(),
  },
  (table) => [
    parentKey("milestones_goal_id_fkey", table.goalId, goals.id),
    index("milestones_created_at_idx").on(table.createdAt, table.id),
    index("milestones_goal_id_idx").on(table.goalId),
    lengthCheck("milestones_title_length", table.title, 1, 500),
    check("milestones_week_number_positive", sql`${table.weekNumber} >= 1`),
  ],
);
