import type postgres from "postgres";
import type { RecordedStatement } from "../recording-driver.ts";
import type { IndexSet } from "./index-sets.ts";

/** What it takes to write one row. */
export interface WriteCost {
  readonly microseconds: number;
  /** Write-ahead log, which unlike the time does not depend on what else the machine does. */
  readonly walBytes: number;
}

/** What a set of indexes costs. */
export interface IndexCost {
  /** Megabytes of each index after a million inserts in the order in which the rows came about. */
  readonly megabytes: Readonly<Record<string, number>>;
  /** Foreign keys left out: they cost the same in every set. */
  readonly insert: WriteCost;
  /** Moving the start of a row, which needs a new entry in every index. */
  readonly move: WriteCost;
  /** Changing the state of a row, which needs none where no index holds `state` and the row's page has room. */
  readonly changeState: WriteCost;
}

/** Makes the table `candidate`: all rows of `tasks`, inserted one after the other with the indexes of `set` in place. */
export async function fillCandidate(sql: postgres.Sql, set: IndexSet): Promise<IndexCost> {
  await sql.unsafe("drop table if exists candidate");
  await sql.unsafe("create table candidate (like tasks including defaults including constraints)");
  await sql.unsafe("alter table candidate add primary key (id)");
  for (const [name, definition] of Object.entries(set.indexes)) {
    await sql.unsafe(`create index candidate_${name} on candidate ${definition}`);
  }
  await sql.unsafe("checkpoint");
  // The order of the table is the order of its inserts.
  await sql.unsafe("set synchronize_seqscans = off");
  const insert = await measure(sql, "insert into candidate select * from tasks");
  const megabytes: Record<string, number> = {};
  for (const name of Object.keys(set.indexes)) {
    const [size] = await sql<{ bytes: string }[]>`select pg_relation_size(${`candidate_${name}`}) as bytes`;
    megabytes[name] = Number(size?.bytes) / 1e6;
  }
  await sql.unsafe("vacuum analyze candidate");
  await sql.unsafe("begin");
  const move = await measure(
    sql,
    "update candidate set start_time = start_time + interval '1 day', end_time = end_time + interval '1 day' " +
      "where hashtext(goal_id::text) % 25 = 0",
  );
  await sql.unsafe("rollback");
  await sql.unsafe("vacuum candidate");
  const changeState = await measure(sql, STATE_CHANGES, CHANGED);
  await sql.unsafe("vacuum candidate");
  return { megabytes, insert, move, changeState };
}

const CHANGED = 50_000;

/** Rows drawn at random, each in a transaction of its own: a page then makes room for the next version by itself. */
const STATE_CHANGES = `do $$
  declare chosen uuid;
  begin
    for chosen in select id from candidate order by md5(id::text) limit ${CHANGED} loop
      update candidate set state = 'drifted' where id = chosen;
      commit;
    end loop;
  end $$`;

/** A statement on `tasks`, as one on the candidate. */
export function onCandidate({ text, parameters }: RecordedStatement): RecordedStatement {
  return { text: text.replaceAll('"tasks"', '"candidate"'), parameters };
}

/** @param rows how many the statement writes, where it does not say itself */
async function measure(sql: postgres.Sql, statement: string, rows?: number): Promise<WriteCost> {
  const [before] = await sql<{ lsn: string }[]>`select pg_current_wal_insert_lsn() as lsn`;
  const start = performance.now();
  const { count: written } = await sql.unsafe(statement);
  const count = rows ?? written;
  const elapsed = performance.now() - start;
  const [after] = await sql<{ bytes: string }[]>`
    select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), ${before?.lsn ?? ""}::pg_lsn) as bytes`;
  return { microseconds: (elapsed * 1000) / count, walBytes: Number(after?.bytes) / count };
}
