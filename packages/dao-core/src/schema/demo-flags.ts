import { sql } from "drizzle-orm";
import { check, doublePrecision, pgTable, uuid } from "drizzle-orm/pg-core";
import { instantCheck, instantColumn, parentKey } from "./columns.ts";
import { users } from "./users.ts";

export const demoFlags = pgTable(
  "demo_flags",
  {
    userId: uuid("user_id").primaryKey(),
    virtualNow: instantColumn("virtual_now"),
    escalationSpeed: doublePrecision("escalation_speed").notNull().default(1),
  },
  (table) => [
    parentKey("demo_flags_user_id_fkey", table.userId, users.id),
    instantCheck("demo_flags_virtual_now_range", table.virtualNow),
    // PostgreSQL sorts NaN above infinity, so the upper bound keeps both out.
    check(
      "demo_flags_escalation_speed_range",
      sql`${table.escalationSpeed} >= 0 and ${table.escalationSpeed} < 'Infinity'`,
    ),
  ],
);
