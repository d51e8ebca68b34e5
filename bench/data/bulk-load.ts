import type postgres from "postgres";

interface Definition {
  readonly table: string;
  readonly name: string;
  readonly definition: string;
}

/**
 * Runs `load` while the tables have neither indexes nor keys, and makes these afterwards: a fraction of the work that
 * the same rows take one by one, and the indexes come out as small as they can be. Foreign keys are checked when they
 * are made.
 *
 * @param sql a single connection
 * @param tables such that what references one of them is among them
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
  // The keys first, and of them what foreign keys refer to.
  for (const { table, name, definition } of constraints.toReversed()) {
    await sql.unsafe(`alter table ${table} add constraint ${name} ${definition}`);
  }
  for (const { definition } of indexes) await sql.unsafe(definition);
}
