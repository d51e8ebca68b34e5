import type postgres from "postgres";

interface Definition {
  readonly table: string;
  readonly name: string;
  readonly definition: string;
}

/**
 * Runs `load` on tables without indexes and keys, and recreates those afterwards: much faster than inserting into indexed
 * tables, and the indexes are as compact as possible. Foreign keys are validated when they are created.
 *
 * @param sql a single connection
 * @param tables must include every table that references one of them
 */
export async function loadWithoutIndexes(
  sql: postgres.Sql,
  tables: readonly string[],
  load: () => Promise<void>,
): Promise<void> {
  const names = [...tables];
  const constraints = await sql<(Definition & { type: string })[]>`
    select conrelid::regclass::text as table, conname as name, contype as type, pg_get_constraintdef(oid) as definition
    from pg_constraint
    where conrelid::regclass::text = any(${names}) and contype in ('f', 'p', 'u')
    -- A primary key cannot go while a foreign key needs it.
    order by contype, conrelid`;
  const indexes = await sql<Definition[]>`
    select tablename as table, indexname as name, indexdef as definition from pg_indexes
    where schemaname = 'public' and tablename = any(${names})
      and not exists (select from pg_constraint where conname = indexname)
    order by tablename, indexname`;

  for (const { table, name } of constraints) await sql.unsafe(`alter table ${table} drop constraint ${name}`);
  for (const { name } of indexes) await sql.unsafe(`drop index ${name}`);
  await load();
  // Keys first, and among them those that foreign keys refer to.
  for (const { table, name, definition } of constraints.toReversed()) {
    await sql.unsafe(`alter table ${table} add constraint ${name} ${definition}`);
  }
  for (const { definition } of indexes) await sql.unsafe(definition);
}
