import type { CallOptions } from "../contract/call-options.ts";
import { embeddedMigrations } from "../migrations/migration-set.ts";
import { readWithSettings } from "../migrations/plan.ts";
import type { SchemaDifference } from "../migrations/schema-check/schema-difference.ts";
import type { SchemaName } from "../schema/schema-name.ts";
import type { SqlDriver, SqlExecutor } from "../session/driver.ts";

const shapes = Object.values(embeddedMigrations.shape.tables);
const tables = `{${Object.keys(embeddedMigrations.shape.tables).join()}}`;
const constraints = `{${shapes.flatMap((shape) => Object.keys(shape.constraints)).join()}}`;
const checks = shapes.flatMap((shape) =>
  Object.entries(shape.constraints).filter(([, definition]) => definition.startsWith("CHECK")),
);

/**
 * Finds CHECK constraints whose condition was changed. Readiness checks do not, since the server locks a table to render its
 * CHECKs, and a widened one makes no call fail.
 */
export function findChangedChecks(driver: SqlDriver, schema: SchemaName): Promise<SchemaDifference[]> {
  return readWithSettings(driver, schema, async (transaction) => {
    // The rendering of literals depends on these, too.
    await transaction.execute("SET LOCAL timezone TO 'UTC'", []);
    await transaction.execute("SET LOCAL datestyle TO 'ISO'", []);
    const { rows } = await transaction.execute(
      `select conrelid::regclass::text, conname, regexp_replace(pg_get_constraintdef(oid), ' NOT VALID$', '') from pg_constraint
       where connamespace = (select oid from pg_namespace where nspname = $2) and contype = 'c' and conname = any ($1::text[])
         and conrelid = any (array(select oid from pg_class where relnamespace = connamespace and relname = any ($3::text[])))`,
      [`{${checks.map(([name]) => name).join()}}`, schema.name, tables],
    );
    const found = new Map(rows.map(([table, name, text]) => [name, { table: String(table), text: String(text) }]));
    return checks.flatMap(([name, definition]) => {
      const actual = found.get(name);
      if (actual === undefined || normalized(actual.text) === normalized(definition)) return [];
      const advice = `Run: alter table ${schema.readable(actual.table)} drop constraint ${name}; Then run migrate(), which recreates it.`;
      return [{ what: `the constraint ${name} is ${actual.text}, not ${definition}`, advice }];
    });
  });
}

/** Removes what depends on the server's version and settings: casts, brackets, spaces, quotes, case. */
function normalized(check: string): string {
  return check
    .replace(/::(timestamp with time zone|double precision|[a-z]+)(\[\])?/g, "")
    .replace(/[\s()"]/g, "")
    .toLowerCase();
}

const FOREIGN_OBJECTS = {
  triggers:
    "select tgrelid as table_id, tgname as name from pg_trigger where not tgisinternal and tgenabled <> 'D' and not starts_with(tgname::text, 'flux_dao_')",
  constraints: `select conrelid as table_id, conname as name from pg_constraint
    where contype in ('c', 'f', 'u', 'x') and conname <> all ($3::text[])
    union select i.indrelid, c.relname from pg_index i join pg_class c on c.oid = i.indexrelid
    where i.indisunique and c.relname <> all ($3::text[])`,
  policies: `select polrelid as table_id, polname as name from pg_policy where row_security_active(polrelid)
    and exists (select from unnest(polroles) role where role = 0 or pg_has_role(role, 'usage'))`,
} as const;

/** Finds what others have added to the tables, as `goals (a, b)`, `tasks (c)`. */
export async function findForeignObjects(
  executor: SqlExecutor,
  { name: schema }: SchemaName,
  kind: keyof typeof FOREIGN_OBJECTS,
  options?: CallOptions,
): Promise<string[]> {
  const { rows } = await executor.execute(
    `select c.relname || ' (' || string_agg(s.name, ', ' order by s.name) || ')'
     from (${FOREIGN_OBJECTS[kind]}) s join pg_class c on c.oid = s.table_id
     where c.relnamespace = (select oid from pg_namespace where nspname = $2) and c.relname = any ($1::text[]) group by c.relname order by c.relname`,
    kind === "constraints" ? [tables, schema, constraints] : [tables, schema],
    options,
  );
  return rows.map(([text]) => String(text));
}
