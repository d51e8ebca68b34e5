import { isNotNull, sql } from "drizzle-orm";
import {
  boolean,
  check,
  doublePrecision,
  index,
  integer,
  jsonb,
  PgSchema,
  type PgTableFn,
  pgEnum,
  pgTable,
  primaryKey,
  text,
  unique,
  uuid,
  varchar,
} from "drizzle-orm/pg-core";
import {
  EMAIL_PATTERN,
  TASK_PRIORITIES,
  TASK_STATES,
  TITLE_LENGTH,
  TRIGGER_TYPES,
} from "../contract/fields/constants.ts";
import type { JsonArray, JsonObject } from "../contract/fields/json.ts";
import { createdAtColumn, idColumn, instantCheck, instantColumn, lengthCheck, literal, parentKey } from "./columns.ts";

/**
 * The tables of a PostgreSQL schema of this name: `tablesIn("flux").tasks`. The exported tables are those of `public`.
 *
 * @param schema as given to `openDatabase` or to a `join` function
 */
export function tablesIn(schema: string) {
  const own = new PgSchema(schema);
  // Drizzle omits the name of the schema `public`.
  const table: PgTableFn<string | undefined> = schema === "public" ? pgTable : own.table;
  const enumType = <const Values extends readonly [string, ...string[]]>(name: string, values: Values) =>
    schema === "public" ? pgEnum(name, values) : own.enum(name, values);

  const users = table(
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

  const goals = table(
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
      lengthCheck("goals_title_length", table.title, TITLE_LENGTH.min, TITLE_LENGTH.max),
    ],
  );

  const milestones = table(
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
      lengthCheck("milestones_title_length", table.title, TITLE_LENGTH.min, TITLE_LENGTH.max),
      check("milestones_week_number_positive", sql`${table.weekNumber} >= 1`),
    ],
  );

  const taskState = enumType("task_state", TASK_STATES);
  const taskPriority = enumType("task_priority", TASK_PRIORITIES);
  const triggerType = enumType("trigger_type", TRIGGER_TYPES);

  const tasks = table(
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
      lengthCheck("tasks_title_length", table.title, TITLE_LENGTH.min, TITLE_LENGTH.max),
      lengthCheck("tasks_calendar_event_id_length", table.calendarEventId, 1, 255),
      instantCheck("tasks_start_time_range", table.startTime),
      instantCheck("tasks_end_time_range", table.endTime),
      check("tasks_end_time_not_before_start_time", sql`${table.endTime} >= ${table.startTime}`),
    ],
  );

  const conversations = table(
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

  const demoFlags = table(
    "demo_flags",
    {
      userId: uuid("user_id").primaryKey(),
      virtualNow: instantColumn("virtual_now"),
      escalationSpeed: doublePrecision("escalation_speed").notNull().default(1),
    },
    (table) => [
      parentKey("demo_flags_user_id_fkey", table.userId, users.id),
      instantCheck("demo_flags_virtual_now_range", table.virtualNow),
      // PostgreSQL sorts NaN above infinity, so the upper bound excludes both.
      check(
        "demo_flags_escalation_speed_range",
        sql`${table.escalationSpeed} >= 0 and ${table.escalationSpeed} < 'Infinity'`,
      ),
    ],
  );

  /** The keys of work that must not be done twice, with its results. */
  const idempotencyKeys = table(
    "idempotency_keys",
    {
      /** Whose key it is: two callers may choose the same key. */
      scope: text("scope").notNull(),
      key: text("key").notNull(),
      /** Identifies the work, to detect other work under the same key. */
      fingerprint: text("fingerprint").notNull(),
      /** JSON text; null only inside the transaction that does the work. */
      result: text("result"),
      createdAt: createdAtColumn(),
    },
    (table) => [
      primaryKey({ name: "idempotency_keys_pkey", columns: [table.scope, table.key] }),
      index("idempotency_keys_created_at_idx").on(table.createdAt),
    ],
  );

  return {
    users,
    goals,
    milestones,
    taskState,
    taskPriority,
    triggerType,
    tasks,
    conversations,
    demoFlags,
    idempotencyKeys,
  };
}
