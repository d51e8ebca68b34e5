import { createDaoServices, type DaoServices } from "@flux/dao-core";
import { createTestDatabase, type TestDatabase } from "@flux/dao-core/testing";
import type postgres from "postgres";
import { describe, expect, inject, test } from "vitest";
import { connect } from "./scratch-database.ts";

interface Own {
  readonly database: TestDatabase["database"];
  readonly services: DaoServices;
  readonly sql: postgres.Sql;
  /** Another session. */
  session(): postgres.Sql;
}

async function withFeed(work: (own: Own) => Promise<void>, isolation?: string) {
  await using own = await createTestDatabase({ serverUrl: inject("adminUrl"), changes: true });
  const sessions: postgres.Sql[] = [];
  const session = () => {
    const sql = connect(own.url);
    sessions.push(sql);
    return sql;
  };
  try {
    const sql = session();
    if (isolation !== undefined) {
      const name = new URL(own.url).pathname.slice(1);
      await sql.unsafe(`alter database ${name} set default_transaction_isolation = '${isolation}'`);
      await sql.end();
    }
    await work({ database: own.database, services: createDaoServices(own.database), sql: session(), session });
  } finally {
    await Promise.all(sessions.map((sql) => sql.end({ timeout: 0 })));
  }
}

const insert = (sql: postgres.ISql, ...names: string[]) =>
  sql.unsafe(`insert into users (name, email) values ${names.map((name) => `('${name}', '${name}@sweep.example')`)}`);

const give = (sql: postgres.Sql) => sql`select flux_dao_position_changes(2000)`;

async function sweep(sql: postgres.Sql) {
  for (let poll = 0; poll < 3; poll++) await give(sql);
}

/** Polls until readers begin behind this number: not before all transactions of the server have ended that wrote at a mark. */
const sweptTo = (sql: postgres.Sql, seq: number) =>
  expect.poll(() => give(sql).then(() => sweptSeq(sql)), { timeout: 30_000, interval: 20 }).toBeGreaterThanOrEqual(seq);

async function told({ changes }: DaoServices, sql: postgres.Sql): Promise<string[]> {
  const { items } = await changes.listChanges({ cursor: "start", limit: 1_000 });
  const users = await sql<{ id: string; name: string }[]>`select id::text, name from users`;
  const names = new Map(users.map(({ id, name }) => [id, name]));
  return items.map(({ id }) => names.get(String(id)) ?? "").sort();
}

const sweptSeq = async (sql: postgres.Sql) =>
  Number((await sql`select swept_seq from flux_dao_read_change_head()`)[0]?.["swept_seq"]);

/** Makes the feed's reader have swept `a`, `b` and `c`. */
async function swept({ sql }: Own) {
  for (const name of ["a", "b", "c"]) {
    await give(sql);
    await insert(sql, name);
  }
  await sweptTo(sql, 3);
}

test("an empty poll does not visit the rows of changes that were given, though an old snapshot keeps them", () =>
  withFeed(async ({ sql, session }) => {
    await give(sql);
    const other = session();
    await other.begin("isolation level repeatable read", async (old) => {
      await old`select 1 from users`;
      await sql`insert into users (name, email) select 'n', n || '@sweep.example' from generate_series(1, 20000) n`;
      const remaining = async () => Number((await give(sql))[0]?.["flux_dao_position_changes"]);
      while ((await remaining()) > 0);
      await sweptTo(sql, 20_000);
      const [row] = await sql.unsafe("explain (analyze, buffers, format json) select flux_dao_position_changes(2000)");
      const blocks = /"Shared (?:Hit|Read) Blocks": ?(\d+)/g;
      const visited = Array.from(JSON.stringify(row).matchAll(blocks), ([, count]) => Number(count));
      expect(Math.max(...visited)).toBeLessThan(50);
      // What is swept stays as it is: a poll that finds nothing does not write.
      const version = async () => (await sql`select xmin::text, ctid::text from flux_dao_change_feed`)[0];
      const before = await version();
      await sweep(sql);
      expect(await version()).toEqual(before);
    });
  }));

describe.each(["read committed", "repeatable read", "serializable"])("in %s", (isolation) => {
  const holders: Record<string, (writing: postgres.TransactionSql) => Promise<unknown>> = {
    "a transaction": (writing) => insert(writing, "slow"),
    "a savepoint": (writing) => writing.savepoint((inner) => insert(inner, "slow")),
    "a TRUNCATE": async (writing) => {
      await writing`truncate demo_flags`;
      await insert(writing, "slow");
    },
  };
  test.each(Object.entries(holders))(
    "the change of %s that commits late is told, whatever was swept meanwhile",
    (_, hold) =>
      withFeed(async (own) => {
        const { sql, session, services } = own;
        await swept(own);
        const [slow, early] = [session(), session()];
        await early.begin(async (earlier) => {
          // Its transaction id is lower than that of the slow one, its number is higher.
          await earlier`select pg_current_xact_id()`;
          await slow.begin(async (writing) => {
            await hold(writing);
            await insert(earlier, "d");
            await earlier`commit and chain`;
            for (const name of ["e", "f", "g", "h"]) {
              await sweep(sql);
              await insert(sql, name);
            }
            await sweep(sql);
            expect(await sweptSeq(sql)).toBe(3);
          });
        });
        expect(await told(services, sql)).toEqual(
          expect.arrayContaining(["a", "b", "c", "d", "e", "f", "g", "h", "slow"]),
        );
        for (const name of ["i", "j"]) {
          await insert(sql, name);
          await sweep(sql);
        }
        await sweptTo(sql, 10);
      }, isolation),
  );
});

describe("nothing is lost when numbers are given again", () => {
  const restarts: Record<string, (own: Own) => Promise<unknown>> = {
    "TRUNCATE … RESTART IDENTITY": ({ sql }) => sql`truncate flux_dao_new_changes restart identity`,
    "ALTER … RESTART": ({ sql }) => sql`alter table flux_dao_new_changes alter column seq restart`,
    "setval, from the next cleanup on": async ({ sql, database }) => {
      await sql`select setval('flux_dao_new_changes_seq_seq', 1, false)`;
      await insert(sql, "late");
      await database.changes?.deleteExpired();
    },
    // As a restored dump, or a subscriber: its sequence begins at 1, and its files may have the same numbers.
    "another copy of the head": async ({ sql }) => {
      await sql`select setval('flux_dao_new_changes_seq_seq', 1, false)`;
      await sql.begin(async (copying) => {
        await copying`create temporary table copy as select * from flux_dao_change_feed`;
        await copying`delete from flux_dao_change_feed`;
        await copying`insert into flux_dao_change_feed select * from copy`;
      });
    },
    "another copy of the head, with a mark that is yet to come, which is pruned": async ({ sql, database }) => {
      await sql`select setval('flux_dao_new_changes_seq_seq', 1, false)`;
      await sql`update flux_dao_change_feed set mark_seq = 1000, mark_xid = '4000000000', written_by = '3'`;
      await database.changes?.deleteExpired();
    },
  };
  test.each(Object.entries(restarts))("by %s", (_, restart) =>
    withFeed(async (own) => {
      const { sql, services, session } = own;
      await swept(own);
      // Some that have no position yet: their numbers are greater than those to come.
      await insert(sql, "d", "e", "f");
      await sql`delete from flux_dao_new_changes where seq = 4`;
      await restart(own);
      const others = session();
      await others.begin(async (writing) => {
        await insert(sql, "g");
        await insert(writing, "slow");
        await sweep(sql);
        await insert(sql, "h");
        await sweep(sql);
      });
      for (const name of ["i", "j"]) {
        await insert(sql, name);
        await sweep(sql);
      }
      const kept = (await told(services, sql)).filter((name) => !["d", "e", "f"].includes(name));
      expect(kept).toEqual(expect.arrayContaining(["a", "b", "c", "g", "h", "i", "j", "slow"]));
      await sweptTo(sql, 1);
    }),
  );
});

test("a feed of an earlier release is found, and gets what is missing", () =>
  withFeed(async ({ sql, database, services }) => {
    await sql.unsafe(`drop function flux_dao_read_change_head;
      alter table flux_dao_change_feed drop swept_seq, drop mark_seq, drop mark_xid, drop written_by, drop sequence_file;
      create or replace function flux_dao_record_changes() returns trigger language plpgsql as '-- feed 2\nbegin return null; end'`);
    expect((await database.planMigrations()).repairs).toHaveLength(2);
    expect(JSON.stringify(await database.diagnose())).toContain("the function flux_dao_read_change_head is missing");
    await database.migrate({ changes: true });
    expect((await database.planMigrations()).repairs).toEqual([]);
    await insert(sql, "a");
    expect(await told(services, sql)).toEqual(["a"]);
  }));
