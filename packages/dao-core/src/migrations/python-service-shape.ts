import type { SqlExecutor } from "../session/driver.ts";

/**
 * The schema of the Python service (contract.md, last section), frozen: the input of `drizzle/adopt/python-service.sql`. A
 * column's type ends in `!` if it is NOT NULL.
 */
const COLUMNS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  users: {
    id: "uuid!",
    name: "text!",
    email: "text!",
    preferences: "jsonb",
    demo_mode: "boolean",
    created_at: "timestamp with time zone",
  },
  goals: {
    id: "uuid!",
    user_id: "uuid!",
    title: "text!",
    category: "text",
    timeline: "text",
    status: "text",
    created_at: "timestamp with time zone",
  },
  milestones: {
    id: "uuid!",
    goal_id: "uuid!",
    week_number: "integer!",
    title: "text!",
    status: "text",
    created_at: "timestamp with time zone",
  },
  tasks: {
    id: "uuid!",
    user_id: "uuid!",
    goal_id: "uuid!",
    milestone_id: "uuid",
    title: "text!",
    start_time: "timestamp with time zone",
    end_time: "timestamp with time zone",
    state: "task_state",
    priority: "task_priority",
    trigger_type: "trigger_type",
    is_recurring: "boolean",
    calendar_event_id: "character varying(255)",
    created_at: "timestamp with time zone",
  },
  conversations: {
    id: "uuid!",
    user_id: "uuid!",
    // NOT NULL before that service's second migration; both are accepted.
    goal_id: "uuid",
    messages: "jsonb",
    status: "text",
    created_at: "timestamp with time zone",
  },
  demo_flags: { user_id: "uuid!", virtual_now: "timestamp with time zone", escalation_speed: "double precision" },
};

/** The enum types, and their values in order. */
const ENUMS: Readonly<Record<string, string>> = {
  task_priority: "standard, important, must-not-miss",
  task_state: "scheduled, drifted, completed, missed",
  trigger_type: "time, on_leaving_home",
};

const foreignKey = (column: string, table: string) =>
  `FOREIGN KEY (${column}) REFERENCES ${table}(id) ON DELETE CASCADE`;

/** Named by PostgreSQL's defaults; later migrations and the error messages rely on the names. */
const CONSTRAINTS: Readonly<Record<string, string>> = {
  users_pkey: "PRIMARY KEY (id)",
  users_email_key: "UNIQUE (email)",
  goals_pkey: "PRIMARY KEY (id)",
  goals_user_id_fkey: foreignKey("user_id", "users"),
  milestones_pkey: "PRIMARY KEY (id)",
  milestones_goal_id_fkey: foreignKey("goal_id", "goals"),
  tasks_pkey: "PRIMARY KEY (id)",
  tasks_user_id_fkey: foreignKey("user_id", "users"),
  tasks_goal_id_fkey: foreignKey("goal_id", "goals"),
  tasks_milestone_id_fkey: foreignKey("milestone_id", "milestones"),
  conversations_pkey: "PRIMARY KEY (id)",
  conversations_user_id_fkey: foreignKey("user_id", "users"),
  conversations_goal_id_fkey: foreignKey("goal_id", "goals"),
  demo_flags_pkey: "PRIMARY KEY (user_id)",
  demo_flags_user_id_fkey: foreignKey("user_id", "users"),
};

const list = (names: readonly string[]) => names.map((name) => `'${name}'`).join(", ");
const TABLES = Object.keys(COLUMNS);

/** How the schema `public` compares with the Python service's. */
export interface PythonServiceComparison {
  /** Which of its tables and types exist. */
  readonly present: readonly string[];
  /** Everything that differs, as clauses: `tasks.title is character varying(500) instead of text`. */
  readonly differences: readonly string[];
}

/**
 * Compares the schema `public` with the Python service's: tables, enum values, columns, keys. Other tables, columns that an
 * insert may omit, defaults and indexes do not count as differences: the last two are set by the adoption itself.
 *
 * Requires `public` as the search path, on which the way PostgreSQL renders types and keys depends.
 */
export async function comparePythonService(executor: SqlExecutor): Promise<PythonServiceComparison> {
  const { rows } = await executor.execute(
    `select c.relname::text as name, case when c.relkind = 'r' then 'table' else 'other' end as detail
     from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where n.nspname = 'public' and c.relname in (${list(TABLES)})
     union all
     select t.typname::text, coalesce(string_agg(e.enumlabel, ', ' order by e.enumsortorder), 'no enum')
     from pg_type t join pg_namespace n on n.oid = t.typnamespace left join pg_enum e on e.enumtypid = t.oid
     where n.nspname = 'public' and t.typname in (${list(Object.keys(ENUMS))})
     group by t.typname
     order by 1`,
    [],
  );
  const found = new Map(rows.map(([name, detail]) => [String(name), String(detail)]));
  const expected = [...TABLES.map((table): [string, string] => [table, "table"]), ...Object.entries(ENUMS)];
  const differences = expected.flatMap(([name, detail]) => {
    const actual = found.get(name);
    if (actual === undefined) return [`${name} is missing`];
    if (actual === detail) return [];
    return [detail === "table" ? `${name} is not a table` : `${name} has the values ${actual} instead of ${detail}`];
  });
  if (differences.length === 0) {
    differences.push(...(await compareColumns(executor)), ...(await compareConstraints(executor)));
  }
  return { present: [...found.keys()], differences };
}

async function compareColumns(executor: SqlExecutor): Promise<string[]> {
  const { rows } = await executor.execute(
    `select c.relname::text as "table", a.attname::text as "column", format_type(a.atttypid, a.atttypmod) as type,
       a.attnotnull as required, a.atthasdef or a.attidentity <> '' as filled
     from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
     where n.nspname = 'public' and c.relname in (${list(TABLES)}) and a.attnum > 0 and not a.attisdropped
     order by c.relname, a.attnum`,
    [],
  );
  const missing = new Set(
    Object.entries(COLUMNS).flatMap(([table, columns]) => Object.keys(columns).map((column) => `${table}.${column}`)),
  );
  const differences: string[] = [];
  for (const [table, column, type, required, filled] of rows) {
    const name = `${table}.${column}`;
    const expected = COLUMNS[String(table)]?.[String(column)];
    missing.delete(name);
    if (expected === undefined) {
      if (required && !filled) differences.push(`${name} is unknown, and NOT NULL without a default`);
    } else if (type !== expected.replace("!", "")) {
      differences.push(`${name} is ${type} instead of ${expected.replace("!", "")}`);
    } else if (expected.endsWith("!") && !required) {
      differences.push(`${name} is not NOT NULL`);
    }
  }
  return [...[...missing].map((name) => `${name} is missing`), ...differences];
}

async function compareConstraints(executor: SqlExecutor): Promise<string[]> {
  const { rows } = await executor.execute(
    `select k.conname::text as name, pg_get_constraintdef(k.oid) as definition, k.contype::text as type
     from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
     where n.nspname = 'public' and c.relname in (${list(TABLES)}) and k.contype in ('p', 'u', 'f', 'c')`,
    [],
  );
  const found = new Map(rows.map(([name, definition]) => [String(name), String(definition)]));
  const differences = Object.entries(CONSTRAINTS).flatMap(([name, definition]) =>
    found.get(name) === definition ? [] : [`the constraint ${name} is not ${definition}`],
  );
  // A rule that the Python service never had: the migrations created these tables, and their journal is lost.
  if (found.has("users_email_format")) differences.push("the constraints of a later version already exist");
  return differences;
}
