import { sql } from "drizzle-orm";
import { boolean, check, index, jsonb, pgTable, text, unique } from "drizzle-orm/pg-core";
import { EMAIL_PATTERN } from "../contract/fields/constants.ts";
import type { JsonObject } from "../contract/fields/json.ts";
import { createdAtColumn, idColumn, lengthCheck, literal } from "./columns.ts";

export const users = pgTable(
  "users",
  {
    id: idColumn(),
    name: text("name").notNull(),
    email: text("email").notNull(),
    preferences: jsonb("preferences").$type<JsonObject>().notNull().default({}),
    demoMode: boolean("demo_mode").notNull().default(false),
    createdAt: createdAtColumn(),
  },
  (table) => [
    unique("users_email_key").on(table.email),
    index("users_created_at_idx").on(table.createdAt, table.id),
    lengthCheck("users_name_length", table.name, 1, 255),
    lengthCheck("users_email_length", table.email, 1, 255),
    check("users_email_format", sql`${table.email} ~ ${literal(EMAIL_PATTERN)}`),
    // The Python service writes JSON null; it is read as `{}`.
    check("users_preferences_object", sql`jsonb_typeof(${table.preferences}) in ('object', 'null')`),
  ],
);
