import { index, pgTable, text, uuid } from "drizzle-orm/pg-core";
import { createdAtColumn, idColumn, lengthCheck, parentKey } from "./columns.ts";
import { users } from "./users.ts";

export const goals = pgTable(
  "goals",
  {
    id: idColumn(),
    userId: uuid("user_id").notNull(),
    title: text("title").notNull(),
    category: text("category"),
    timeline: text("timeline"),
    status: text("status").notNull().default("active"),
    createdAt: createdAtColumn(),
  },
  (table) => [
    parentKey("goals_user_id_fkey", table.userId, users.id),
    index("goals_created_at_idx").on(table.createdAt, table.id),
    index("goals_user_id_created_at_idx").on(table.userId, table.createdAt, table.id),
    lengthCheck("goals_title_length", table.title, 1, 500),
  ],
);
