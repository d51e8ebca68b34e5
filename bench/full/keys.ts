import { openDatabase } from "@flux/dao-core";
import postgres from "postgres";
import { startEmbeddedPostgres } from "../../scripts/postgres/embedded-postgres.ts";
import { UUID7_FUNCTION } from "../uuid7.ts";

/** What it takes to go on inserting into a table that has many rows already. */
interface KeyResult {
  readonly key: "UUIDv7" | "UUIDv4";
  readonly seconds: number;
  /** For each new row: write-ahead log, and pages of 8 kB that were written to for the first time since a checkpoint. */
  readonly walBytes: number;
  readonly pageImages: number;
  /** For each new row: pages that were looked at in the buffer cache or outside of it. */
  readonly pages: number;
  /** Of the primary key, after it was built at once and after the inserts. */
  readonly builtMb: number;
  readonly grownMb: number;
  readonly tableAndIndexesMb: number;
}

export interface KeysResult {
  readonly before: number;
  readonly inserted: number;
  readonly keys: readonly KeyResult[];
}

/** Each of the two tables takes minutes to fill; this many do not fit in the server's buffer cache. */
const MOST_BEFORE = 4_000_000;
const ROWS_A_STATEMENT = 1000;
const CHECKPOINTS = 10;
const KEYS = [
  { key: "UUIDv7", table: "keys_v7", id: "uuid7(moment)" },
  { key: "UUIDv4", table: "keys_v4", id: "gen_random_uuid()" },
] as const;

/**
 * Inserts a quarter of the rows that are there, a thousand at a time, into a table like `tasks` with all of its indexes,
 * whose ids are UUIDv7 or UUIDv4, the two in turn. On a server of its own, which as production does logs a whole page at
 * its first change after a checkpoint; there are ten.
 *
 * @param tasks how many rows there are before, 4 million at most
 */
export async function measureKeys(tasks: number): Promise<KeysResult> {
  const before = Math.min(tasks, MOST_BEFORE);
  const inserted = before / 4;
  const server = await startEmbeddedPostgres({
    settings: {
      shared_buffers: "1GB",
      max_wal_size: "32GB",
      checkpoint_timeout: "1h",
      autovacuum: "off",
      full_page_writes: "on",
    },
  });
  const sql = postgres(server.url, { max: 1, onnotice: () => undefined });
  try {
    {
      await using database = await openDatabase(server.url);
      await database.migrate();
    }
    await sql.unsafe(UUID7_FUNCTION);
    await sql.unsafe("set maintenance_work_mem = '1GB'");
    const totals = new Map(KEYS.map(({ key }) => [key, { seconds: 0, walBytes: 0, pageImages: 0, pages: 0 }]));
    const built = new Map<string, number>();
    for (const { key, table, id } of KEYS) {
      await sql.unsafe(`create table ${table} (like tasks including defaults including constraints)`);
      await sql.unsafe(insertion(table, id, 1, before, before));
      // The table's own indexes, under names that PostgreSQL chooses.
      await sql.unsafe(`create table shape (like tasks including indexes)`);
      const indexes = await sql<{ definition: string }[]>`
        select indexdef as definition from pg_indexes where tablename = 'shape'`;
      await sql.unsafe("drop table shape");
      for (const { definition } of indexes) {
        await sql.unsafe(definition.replace(/INDEX \S+ ON \S+/, `INDEX ON ${table}`));
      }
      await sql.unsafe(`vacuum analyze ${table}`);
      built.set(key, await primaryKeyMb(sql, table));
    }
    const stretch = inserted / CHECKPOINTS;
    for (let round = 0; round < CHECKPOINTS; round++) {
      for (const { key, table, id } of round % 2 === 0 ? KEYS : KEYS.toReversed()) {
        await sql.unsafe("checkpoint");
        const first = before + round * stretch + 1;
        const cost = await measure(sql, async () => {
          for (let at = first; at < first + stretch; at += ROWS_A_STATEMENT) {
            await sql.unsafe(insertion(table, id, at, at + ROWS_A_STATEMENT - 1, before));
          }
        });
        const total = totals.get(key);
        if (total === undefined) continue;
        total.seconds += cost.seconds;
        total.walBytes += cost.walBytes;
        total.pageImages += cost.pageImages;
        total.pages += cost.pages;
      }
    }
    const keys: KeyResult[] = [];
    for (const { key, table } of KEYS) {
      const total = totals.get(key) ?? { seconds: 0, walBytes: 0, pageImages: 0, pages: 0 };
      const [size] = await sql<{ mb: number }[]>`select pg_total_relation_size(${table}) / 1e6::float8 as mb`;
      keys.push({
        key,
        seconds: total.seconds,
        walBytes: total.walBytes / inserted,
        pageImages: total.pageImages / inserted,
        pages: total.pages / inserted,
        builtMb: built.get(key) ?? Number.NaN,
        grownMb: await primaryKeyMb(sql, table),
        tableAndIndexesMb: size?.mb ?? Number.NaN,
      });
    }
    return { before, inserted, keys };
  } finally {
    await sql.end();
    await server.stop();
  }
}

/** Rows of users and goals drawn at random, a second from one to the next. */
function insertion(table: string, id: string, first: number, last: number, before: number): string {
  const parent = (kind: string, rowsEach: number) =>
    `md5('${kind}' || floor(random() * ${Math.ceil(before / rowsEach)}))::uuid`;
  return `
    insert into ${table} (id, user_id, goal_id, milestone_id, title, start_time, end_time, calendar_event_id, created_at)
    select ${id}, ${parent("user", 80)}, ${parent("goal", 40)}, ${parent("milestone", 5)},
           'Run ' || n % 20 || ' km', moment, moment, case when n % 4 = 0 then 'evt_' || md5(n::text) end, moment
    from (select n, '2026-01-01'::timestamptz + interval '1 second' * n as moment
          from generate_series(${first}, ${last}) as n) as numbered`;
}

interface InsertCost {
  readonly seconds: number;
  readonly walBytes: number;
  readonly pageImages: number;
  readonly pages: number;
}

async function measure(sql: postgres.Sql, work: () => Promise<void>): Promise<InsertCost> {
  const before = await counters(sql);
  const start = performance.now();
  await work();
  const seconds = (performance.now() - start) / 1000;
  const after = await counters(sql);
  return {
    seconds,
    walBytes: after.walBytes - before.walBytes,
    pageImages: after.pageImages - before.pageImages,
    pages: after.pages - before.pages,
  };
}

async function counters(sql: postgres.Sql): Promise<Omit<InsertCost, "seconds">> {
  await sql`select pg_stat_force_next_flush()`;
  const [row] = await sql<Omit<InsertCost, "seconds">[]>`
    select wal_bytes::float8 as "walBytes", wal_fpi::float8 as "pageImages",
           (select sum(hits + reads) from pg_stat_io where backend_type = 'client backend')::float8 as pages
    from pg_stat_wal`;
  if (row === undefined) throw new Error("The server's counters answered nothing.");
  return row;
}

async function primaryKeyMb(sql: postgres.Sql, table: string): Promise<number> {
  const [key] = await sql<{ mb: number }[]>`
    select pg_relation_size(indexrelid) / 1e6::float8 as mb from pg_index
    where indrelid = ${table}::regclass and indisunique`;
  return key?.mb ?? Number.NaN;
}
