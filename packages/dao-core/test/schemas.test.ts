import {
  createDaoServices,
  type Database,
  joinHost,
  joinPgPool,
  openDatabase,
  runOnce,
  SchemaVersionError,
} from "@flux/dao-core";
import { createTestDatabase, makeUserData } from "@flux/dao-core/testing";
import type postgres from "postgres";
import { describe, expect, inject, test } from "vitest";
import { askUntil } from "../../../test/ask-until.ts";
import { PreparedStatements } from "../src/drivers/postgres/prepared-statements.ts";
import { SchemaName } from "../src/schema/schema-name.ts";
import { NEWEST } from "./migration-versions.ts";
import { openPool } from "./pg-pool.ts";
import { IRREGULAR_ROWS, PYTHON_SERVICE_DDL, REGULAR_ROWS, VIOLATION_COUNTS } from "./python-service-database.ts";
import { readSchemaCatalog } from "./schema-catalog.ts";
import { connect, type ScratchDatabase, withMigratedDatabase, withScratchDatabase } from "./scratch-database.ts";

const NAME = 'Flux\'s "data"';
const QUOTED = '"Flux\'s ""data"""';

/** The catalog of `public`, as it is where the tables were created there. */
async function catalogOf(sql: postgres.Sql): Promise<string[]> {
  return (await readSchemaCatalog(sql)).map((line) => line.replaceAll("public.", ""));
}

/** The catalog of another schema, as if it were `public`. */
async function catalogIn(sql: postgres.Sql, schema: string): Promise<string[]> {
  await sql.unsafe(`drop schema if exists public cascade; alter schema ${schema} rename to public`);
  return catalogOf(sql);
}

async function withOpen<Result>(
  { url }: ScratchDatabase,
  schema: string,
  work: (database: Database) => Promise<Result>,
): Promise<Result> {
  await using database = await openDatabase(url, { schema, poolSize: 2 });
  return await work(database);
}

const freshCatalog = () => withMigratedDatabase(({ sql }) => catalogOf(sql));

describe("a schema of another name", () => {
  test("is created with the same tables as public would have, and public stays empty", () =>
    withScratchDatabase(async (scratch) => {
      await withOpen(scratch, NAME, async (database) => {
        await expect(database.checkReady()).rejects.toMatchObject({ code: "schema_version" });
        expect(await database.migrate()).toMatchObject({ from: 0, to: NEWEST });
        await database.checkReady();
        expect((await database.diagnose()).filter(({ ok }) => !ok)).toEqual([]);
        expect(await database.migrate()).toMatchObject({ applied: [], repaired: [] });
      });
      expect(await readSchemaCatalog(scratch.sql)).toEqual([]);
      expect(await catalogIn(scratch.sql, QUOTED)).toEqual(await freshCatalog());
    }));

  test("is planned as SQL that creates it by hand", () =>
    withScratchDatabase((scratch) =>
      withOpen(scratch, NAME, async (database) => {
        const { sql } = await database.planMigrations();
        await scratch.sql.unsafe(sql);
        await database.checkReady();
        expect(await database.planMigrations()).toMatchObject({ applied: [], repairs: [], sql: "" });
      }),
    ));

  test("adopts the Python service's tables in it, whose violations are counted and found", () =>
    withScratchDatabase(async (scratch) => {
      await scratch.sql.unsafe(
        `create schema ${QUOTED}; set search_path to ${QUOTED}; ${PYTHON_SERVICE_DDL} ${REGULAR_ROWS} ${IRREGULAR_ROWS}`,
      );
      await withOpen(scratch, NAME, async (database) => {
        const { adopted, violations } = await database.migrate();
        expect(adopted).toBe(true);
        const counts = Object.fromEntries(violations.map(({ constraint, rows }) => [constraint, rows]));
        expect(counts).toEqual(VIOLATION_COUNTS);
        await scratch.sql.unsafe("reset search_path");
        for (const { query, rows } of violations) expect(await scratch.sql.unsafe(query)).toHaveLength(rows);
      });
    }));

  test("adopts tables whose rows satisfy every rule, and validates the rules", () =>
    withScratchDatabase(async (scratch) => {
      await scratch.sql.unsafe(
        `create schema ${QUOTED}; set search_path to ${QUOTED}; ${PYTHON_SERVICE_DDL} ${REGULAR_ROWS}`,
      );
      await withOpen(scratch, NAME, async (database) => {
        expect(await database.migrate()).toMatchObject({ adopted: true, violations: [] });
      });
    }));

  test("has rows without a parent that a query finds, wherever its connection looks for tables", () =>
    withScratchDatabase((scratch) =>
      withOpen(scratch, NAME, async (database) => {
        await database.migrate();
        await scratch.sql.unsafe(`
          alter table ${QUOTED}.goals drop constraint goals_user_id_fkey;
          insert into ${QUOTED}.goals (user_id, title) values (gen_random_uuid(), 'An orphan')`);
        const [violation, ...others] = (await database.migrate()).violations;
        expect([violation, others]).toMatchObject([{ constraint: "goals_user_id_fkey", rows: 1 }, []]);
        expect(await scratch.sql.unsafe(violation?.query ?? "")).toHaveLength(1);
      }),
    ));

  test("is repaired in it, whatever public has under the same names", () =>
    withMigratedDatabase((scratch) =>
      withOpen(scratch, NAME, async (database) => {
        await database.migrate();
        await scratch.sql.unsafe(`
          alter table ${QUOTED}.goals drop constraint goals_user_id_fkey;
          alter table ${QUOTED}.goals add constraint goals_user_id_fkey foreign key (user_id) references public.users (id) on delete cascade;
          alter table ${QUOTED}.tasks drop constraint tasks_title_length;
          alter table ${QUOTED}.tasks alter state drop default, alter state type public.task_state using state::text::public.task_state;
          drop index ${QUOTED}.tasks_goal_id_idx;
          alter type ${QUOTED}.trigger_type rename to other`);
        const error: unknown = await database.migrate().catch((reason: unknown) => reason);
        expect(error).toBeInstanceOf(SchemaVersionError);
        const { message } = error as SchemaVersionError;
        expect(message).toContain("REFERENCES users(id)");
        expect(message).toContain("tasks.state is public.task_state, not task_state");
        await scratch.sql.unsafe(`
          alter type ${QUOTED}.other rename to trigger_type;
          alter table ${QUOTED}.goals drop constraint goals_user_id_fkey;
          alter table ${QUOTED}.tasks alter state type ${QUOTED}.task_state using state::text::${QUOTED}.task_state`);
        const { repaired } = await database.migrate();
        expect(repaired).toHaveLength(4);
        await database.checkReady();
        expect(await database.migrate()).toMatchObject({ applied: [], repaired: [] });
      }),
    ));

  test.each(["", "pg_flux", "information_schema", "$user", "x".repeat(64), "a\u0000b"])(
    "cannot be called %j",
    async (schema) => {
      await expect(openDatabase("memory://", { schema })).rejects.toMatchObject({
        code: "validation_failed",
        issues: [{ path: "schema" }],
      });
    },
  );
});

describe("a schema whose name could end a literal, a body or a comment of ours", () => {
  const name = "\\'$flux_dao$\n\"; drop table x; --";

  test("is planned as SQL that creates it by hand", () =>
    withScratchDatabase((scratch) =>
      withOpen(scratch, name, async (database) => {
        await scratch.sql.unsafe((await database.planMigrations()).sql);
        expect(await database.planMigrations()).toMatchObject({ applied: [], repairs: [] });
      }),
    ));

  test.each(["on", "off"])("is migrated and used with standard_conforming_strings %s", (setting) =>
    withScratchDatabase(async (scratch) => {
      await scratch.sql.unsafe(`alter database ${scratch.name} set standard_conforming_strings to ${setting}`);
      await withOpen(scratch, name, async (database) => {
        await database.migrate();
        await database.checkReady();
        expect((await database.diagnose()).filter(({ ok }) => !ok)).toEqual([]);
        await database.users.create(makeUserData());
        expect((await database.users.list()).total).toBe(1);
      });
    }),
  );

  test.each(["on", "off"])("has statements that are deallocated with standard_conforming_strings %s", (setting) =>
    withScratchDatabase(async ({ sql }) => {
      const { quoted } = new SchemaName(name);
      await sql.unsafe(
        `create schema ${quoted}; create table ${quoted}.t (); set standard_conforming_strings to ${setting}`,
      );
      const count = async () =>
        (await sql.unsafe("select from pg_prepared_statements where statement like 'select _ from%'")).length;
      const statements = new PreparedStatements();
      const prepared = { prepare: true, simple: false };
      for (let index = 0; index < 300; index++) {
        const text = statements.add(`select ${index} from ${quoted}.t`);
        if (index < 3) await sql.unsafe(text, [], prepared);
      }
      expect(await count()).toBe(3);
      await sql.unsafe(statements.deallocation());
      expect(await count()).toBe(0);
    }),
  );
});

test("temporary tables and types of a joined connection are not mistaken for ours", () =>
  withScratchDatabase(async (scratch) => {
    const pool = openPool(scratch.url, 1);
    try {
      for (const table of ["users", "goals", "tasks", "conversations"])
        await pool.query(`create temp table ${table} (id int)`);
      await pool.query("create type pg_temp.task_state as enum ('decoy')");
      const database = joinPgPool(pool, { schema: "flux" });
      expect(await database.migrate()).toMatchObject({ to: NEWEST });
      await database.checkReady();
      expect((await database.diagnose()).filter(({ ok }) => !ok)).toEqual([]);
      expect(await database.migrate()).toMatchObject({ repaired: [] });
      await database.users.create(makeUserData());
      expect(await catalogIn(scratch.sql, "flux")).toEqual(await freshCatalog());
    } finally {
      await pool.end();
    }
  }));

test("a schema that another session creates at the same time is migrated all the same", () =>
  withScratchDatabase((scratch) =>
    withOpen(scratch, "flux", async (database) => {
      const other = connect(scratch.url);
      await other.unsafe("begin; create schema flux");
      const migration = database.migrate();
      await askUntil(
        async () =>
          await scratch.sql`select from pg_stat_activity where query like 'CREATE SCHEMA%' and wait_event_type = 'Lock'`,
        (waiting) => waiting.length === 1,
      );
      await other.unsafe("commit");
      await other.end();
      expect(await migration).toMatchObject({ to: NEWEST });
    }),
  ));

test("a constraint of the application's own table is not taken for ours of the same name", () =>
  withMigratedDatabase(async (scratch) => {
    await scratch.sql.unsafe(
      "create table notes (title text constraint goals_title_length check (char_length(title) < 9))",
    );
    await withOpen(scratch, "public", async (database) => {
      expect((await database.diagnose()).filter(({ ok }) => !ok)).toEqual([]);
    });
  }));

describe.each([
  ["PostgreSQL", () => createTestDatabase({ serverUrl: inject("adminUrl"), schema: "tenant_1" })],
  ["PGlite", () => createTestDatabase({ serverUrl: "", schema: "tenant_1" })],
])("tenants on %s, each in a schema of its own", (_, open) => {
  test("see their own rows only, on connections that they share", async () => {
    await using made = await open();
    const { database } = made;
    const tenants = ["tenant_1", "tenant_2", "tenant_3"].map((name) => database.withSchema(name));
    await database.migrate({ schemas: ["tenant_1", "tenant_2", "tenant_3"] });
    const services = tenants.map(createDaoServices);
    const created = await Promise.all(
      services.flatMap(({ users }) =>
        [1, 2, 3].map(() => users.createUser(makeUserData({ email: "same@example.com" })).catch(() => null)),
      ),
    );
    expect(created.filter((user) => user !== null)).toHaveLength(3);
    for (const { users } of services) {
      const { items, total } = await users.listUsers();
      expect(total).toBe(1);
      for (const other of services) {
        const found = await other.users.getUser(items[0]?.id ?? "").catch(() => null);
        expect(found === null).toBe(other.users !== users);
      }
    }
  });

  test("have units of work and idempotency keys of their own", async () => {
    await using made = await open();
    const { database } = made;
    await database.migrate({ schemas: ["tenant_2"] });
    const other = database.withSchema("tenant_2");
    const once = (session: typeof other) =>
      runOnce(session, { key: "plan" }, async ({ users }) => (await users.list()).total);
    expect([await once(database), await once(other), await once(other)]).toEqual([
      { result: 0, isReplay: false },
      { result: 0, isReplay: false },
      { result: 0, isReplay: true },
    ]);
    // On the same pool it would wait for a connection that only the end of the unit of work frees.
    await expect(database.transaction(() => other.users.list())).rejects.toMatchObject({
      code: "unit_of_work_misused",
    });
  });
});

describe("many schemas", () => {
  test("are migrated some at a time; one that fails is reported and changes nothing, and the next call goes on", () =>
    withScratchDatabase(async (scratch) => {
      await scratch.sql.unsafe(`
        create schema tenant_1; create schema tenant_2; create schema tenant_3; create schema other;
        create table tenant_2.users (id int)`);
      await withOpen(scratch, "public", async (database) => {
        const progress: string[] = [];
        const report = await database.migrate({
          schemas: ["tenant_*", "tenant_4"],
          concurrency: 2,
          onProgress: ({ schema, report, done, total }) => {
            progress.push(`${done}/${total} ${schema} ${report === undefined ? "failed" : "done"}`);
          },
        });
        expect(report.migrated.map(({ schema, to }) => [schema, to])).toEqual(
          ["tenant_1", "tenant_3", "tenant_4"].map((schema) => [schema, NEWEST]),
        );
        expect(report.failed).toEqual([
          {
            schema: "tenant_2",
            error: expect.objectContaining({ code: "schema_version", message: expect.stringContaining("tenant_2") }),
          },
        ]);
        expect(progress).toHaveLength(4);
        expect(progress.at(-1)).toMatch(/^4\/4 /);
        await scratch.sql.unsafe("drop table tenant_2.users");
        const again = await database.migrate({ schemas: ["tenant_*"] });
        expect(again.failed).toEqual([]);
        expect(again.migrated.filter(({ applied }) => applied.length > 0).map(({ schema }) => schema)).toEqual([
          "tenant_2",
        ]);
        for (const schemas of [[], ["nothing_*"], ["nothing_*", "tenant_*"], ["tenant_1", "nothing_*"]]) {
          const refusal = {
            code: "validation_failed",
            message: expect.stringMatching(/nothing_\*|a name or a pattern/),
          };
          await expect(database.migrate({ schemas })).rejects.toMatchObject(refusal);
        }
        await expect(database.findSchemas(["*"])).resolves.toEqual([
          "other",
          "public",
          "tenant_1",
          "tenant_2",
          "tenant_3",
          "tenant_4",
        ]);
      });
    }));

  test("stop being migrated at a signal, and no schema is left half-way", () =>
    withScratchDatabase(async (scratch) => {
      const schemas = Array.from({ length: 12 }, (_, index) => `tenant_${index}`);
      await withOpen(scratch, "public", async (database) => {
        const stop = new AbortController();
        const migration = database.migrate({
          schemas,
          concurrency: 2,
          signal: stop.signal,
          onProgress: ({ done }) => {
            if (done === 3) stop.abort(new Error("enough"));
          },
        });
        await expect(migration).rejects.toThrow("enough");
        const complete =
          await scratch.sql`select table_schema from information_schema.tables where table_name = 'tasks'`;
        expect(complete.length).toBeGreaterThanOrEqual(3);
        expect(complete.length).toBeLessThan(12);
        expect((await database.migrate({ schemas })).failed).toEqual([]);
      });
    }));

  test("forty share two connections, which keep 256 statements prepared at most", () =>
    withScratchDatabase(async (scratch) => {
      const schemas = Array.from({ length: 40 }, (_, index) => `tenant_${index}`);
      const driver = scratch.driver({ poolSize: 2 });
      const database = joinHost(driver);
      await database.migrate({ schemas });
      const tenants = schemas.map((schema) => createDaoServices(database.withSchema(schema)));
      for (let round = 0; round < 3; round++) {
        const owners = await Promise.all(
          tenants.map(({ users }) => users.createUser(makeUserData({ email: `${round}@example.com` }))),
        );
        const lists = await Promise.all(
          tenants.map(({ users, goals, tasks }, index) =>
            Promise.all([users.listUsers(), goals.listGoals(), tasks.listTasks({ userId: owners[index]?.id ?? "" })]),
          ),
        );
        expect(new Set(lists.map(([users]) => users.total))).toEqual(new Set([round + 1]));
      }
      for (let look = 0; look < 4; look++) {
        const { rows } = await driver.execute("select count(*)::int as count from pg_prepared_statements", []);
        // One that is let go is deallocated before the next is prepared.
        expect(rows[0]?.[0]).toBeLessThanOrEqual(257);
        expect(rows[0]?.[0]).toBeGreaterThan(100);
      }
    }));
});
