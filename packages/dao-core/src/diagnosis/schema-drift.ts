import type { PgTable } from "drizzle-orm/pg-core";
import { getTableConfig } from "drizzle-orm/pg-core";
import { conversations } from "../schema/conversations.ts";
import { demoFlags } from "../schema/demo-flags.ts";
import { goals } from "../schema/goals.ts";
import { idempotencyKeys } from "../schema/idempotency-keys.ts";
import { milestones } from "../schema/milestones.ts";
import { tasks } from "../schema/tasks.ts";
import { users } from "../schema/users.ts";
import type { SqlExecutor } from "../session/driver.ts";

const tables: readonly PgTable[] = [users, goals, milestones, tasks, conversations, demoFlags, idempotencyKeys];

/** The names of all tables of ours. */
export const TABLE_NAMES: readonly string[] = tables.map((table) => getTableConfig(table).name);

const columns = `select c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull
  from pg_class as c join pg_attribute as a on a.attrelid = c.oid
  where c.relnamespace = 'public'::regnamespace and c.relname = any($1::text[]) and a.attnum > 0 and not a.attisdropped`;

const named = `select conname from pg_constraint where connamespace = 'public'::regnamespace
  union all select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('i', 'I')`;

/**
 * What of our tables, columns, constraints and indexes the database lacks, or has otherwise: somebody has changed it past
 * the migrations. What it has beside them is nobody's concern.
 */
export async function findSchemaDrift(executor: SqlExecutor): Promise<string[]> {
  const found = await executor.execute(columns, [`{${TABLE_NAMES.join()}}`]);
  const columnsFound = new Map(
    found.rows.map(([table, name, type, notNull]) => [`${table}.${name}`, { type, notNull }]),
  );
  const names = new Set((await executor.execute(named, [])).rows.map(([name]) => String(name)));
  return tables.flatMap((table) => {
    const { name: tableName, columns: expected, indexes, checks, foreignKeys } = getTableConfig(table);
    const ofColumns = expected.flatMap((column) => {
      const where = `${tableName}.${column.name}`;
      const is = columnsFound.get(where);
      const type = column.getSQLType().replace(/^varchar/, "character varying");
      if (is === undefined) return [`the column ${where} is missing`];
      if (is.type !== type) return [`${where} is ${is.type}, not ${type}`];
      return Boolean(is.notNull) === column.notNull ? [] : [`${where} is ${column.notNull ? "" : "not "}nullable`];
    });
    const rules = [...checks.map((check) => check.name), ...foreignKeys.map((key) => key.getName())];
    const missingRules = rules.filter((rule) => !names.has(rule)).map((rule) => `the constraint ${rule} is missing`);
    const missingIndexes = indexes.flatMap(({ config }) =>
      config.name === undefined || names.has(config.name) ? [] : [`the index ${config.name} is missing`],
    );
    return [...ofColumns, ...missingRules, ...missingIndexes];
  });
}
