import type postgres from "postgres";

/** The work of the server in one database, from pg_stat_statements. */
export interface ServerWork {
  /** Milliseconds of execution, without planning. */
  readonly ms: number;
  /** 8 kB pages found in the buffer cache, and those that were not. */
  readonly pagesHit: number;
  readonly pagesRead: number;
}

/** Resets the statistics. */
export async function forgetServerWork(sql: postgres.Sql): Promise<void> {
  await sql`select pg_stat_statements_reset(0, (select oid from pg_database where datname = current_database()), 0)`;
}

/** The work since {@link forgetServerWork}, without that of this connection. */
export async function serverWork(sql: postgres.Sql): Promise<ServerWork> {
  const [work] = await sql<ServerWork[]>`
    select coalesce(sum(total_exec_time), 0)::float8 as ms,
           coalesce(sum(shared_blks_hit), 0)::float8 as "pagesHit",
           coalesce(sum(shared_blks_read), 0)::float8 as "pagesRead"
    from pg_stat_statements
    where dbid = (select oid from pg_database where datname = current_database())
      and query not like '%pg_stat_statements%'`;
  if (work === undefined) throw new Error("pg_stat_statements returned no row.");
  return work;
}
