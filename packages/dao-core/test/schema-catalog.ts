import type postgres from "postgres";
import { schemaCheck } from "../src/migrations/schema-check/check-schema.ts";
import type { SqlExecutor } from "../src/session/driver.ts";
import { PUBLIC } from "./public-schema.ts";

/** Lists everything that makes up the schema `public`, one line each: enum values, columns, constraints, indexes. */
export const SCHEMA_CATALOG_QUERY = `
  select 'enum ' || t.typname || ': ' || string_agg(e.enumlabel, ', ' order by e.enumsortorder) as line
  from pg_type t join pg_enum e on e.enumtypid = t.oid
  where t.typnamespace = 'public'::regnamespace group by t.typname
  union all
  select 'column ' || c.relname || '.' || a.attname || ': ' || format_type(a.atttypid, a.atttypmod)
    || case when a.attnotnull then ' not null' else '' end
    || coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), '')
  from pg_attribute a join pg_class c on c.oid = a.attrelid
  left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
  where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and a.attnum > 0 and not a.attisdropped
  union all
  select 'constraint ' || c.relname || '.' || k.conname || ': ' || pg_get_constraintdef(k.oid)
  from pg_constraint k join pg_class c on c.oid = k.conrelid
  where c.relnamespace = 'public'::regnamespace
  union all
  select 'index ' || indexdef from pg_indexes where schemaname = 'public'
  union all
  select 'relation ' || c.relkind::text || ' ' || c.relname from pg_class c where c.relnamespace = 'public'::regnamespace
  order by 1`;

/** The schema of the database that `sql` is connected to; equal for identical schemas. */
export async function readSchemaCatalog(sql: postgres.Sql): Promise<string[]> {
  return (await sql.unsafe<{ line: string }[]>(SCHEMA_CATALOG_QUERY)).map(({ line }) => line);
}

/** Runs a new {@link SchemaCheck}, which compares the whole schema. */
export function checkSchema(executor: SqlExecutor): Promise<void> {
  return schemaCheck(PUBLIC).run(executor);
}
