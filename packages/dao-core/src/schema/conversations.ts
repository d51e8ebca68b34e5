import { sql } from "drizzle-orm";
import { check, index, jsonb, pgTable, text, uuid } from "drizzle-orm/pg-core";
import type { JsonArray } from "../contract/fields/json.ts";
import { createdAtColumn, idColumn, parentKey } from "./columns.ts";
import { goals } from "./goals.ts";
import { users } from "./users.ts";

export const conversations = pgTable(
  "conversations",
  {
    id: idColumn(),
    userId: uuid("user_id").notNull(),
    goalId: uuid("goal_id"),
    messages: jsonb("messages").$type<JsonArray>().notNull().default([]),
    status: text("status").notNull().default("open"),
    createdAt: createdAtColumn(),
  },
  (table) => [
    parentKey("conversations_user_id_fkey", table.userId, users.id),
    parentKey("conversations_goal_id_fkey", table.goalId, goals.id),
    index("conversations_created_at_idx").on(table.createdAt, table.id),
    index("conversations_user_id_created_at_idx").on(table.userId, table.createdAt, table.id),
    index("conversations_goal_id_idx").on(table.goalId),
    // The Python service writes JSON null and strings; they are read as arrays.
    check("conversations_messages_array", sql`jsonb_typeof(${table.messages}) in ('array', 'string', 'null')`),
  ],
);
