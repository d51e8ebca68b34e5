import { makeUserData } from "@flux/dao-core/testing";
import { drizzle as drizzlePg } from "drizzle-orm/node-postgres";
import { drizzle as drizzlePostgres } from "drizzle-orm/postgres-js";
import postgres from "postgres";
import { describe, expect, test } from "vitest";
import { slice } from "../../../test/depth.ts";
import { Database, openDatabase } from "../src/database.ts";
import { joinDrizzle } from "../src/join/clients.ts";
import { joinPgPool } from "../src/join/join.ts";
import type { MigrationReport } from "../src/migrations/migrate.ts";
import { schemaCheck } from "../src/migrations/schema-check/check-schema.ts";
import type { SqlDriver, SqlExecutor } from "../src/session/driver.ts";
import { ALL_NAMES, NEWEST } from "./migration-versions.ts";
import { openPool } from "./pg-pool.ts";
import { migrate, PUBLIC, planMigrations } from "./public-schema.ts";
import { checkSchema, readSchemaCatalog } from "./schema-catalog.ts";
import { type ScratchDatabase, withMigratedDatabase } from "./scratch-database.ts";

const USER = "insert into users (name, email) values ('Ada', 'ada@example.com')";
const ORPHAN = `insert into goals (user_id, title) values ('00000000-0000-4000-8000-000000000000', 'Nobody''s')`;
const DROP_TABLES = "drop table users, goals, milestones, tasks, conversations, demo_flags, idempotency_keys";

/** The catalog of every migrated database. */
let asMade: string[] | undefined;

/** Runs `work` on a database that was migrated and then changed by `change`. */
function afterChange(change: string, work: (database: ScratchDatabase, asMade: string[]) => Promise<void>) {
  return withMigratedDatabase(async (database) => {
    asMade ??= await readSchemaCatalog(database.sql);
    await database.sql.unsafe(change);
    await work(database, asMade);
  });
}

const named = (what: string) => ({ name: "SchemaVersionError", message: expect.stringContaining(what) });

describe("changed outside the migrations, and repaired by migrate():", () => {
  const repaired: readonly { change: string; what: string; isBearable?: boolean }[] = [
    { change: "alter table users drop constraint users_email_key", what: "the constraint users_email_key is missing" },
    { change: "alter table idempotency_keys drop constraint idempotency_keys_pkey", what: "idempotency_keys_pkey" },
    { change: "alter table users drop constraint users_pkey cascade", what: "the constraint users_pkey is missing" },
    { change: "alter table users drop constraint users_name_length", what: "users_name_length is missing" },
    { change: "alter table tasks drop constraint tasks_milestone_id_fkey", what: "tasks_milestone_id_fkey is missing" },
    { change: "alter table goals alter column title drop not null", what: "goals.title is nullable" },
    { change: "alter table users alter column created_at drop default", what: "users.created_at has no default" },
    { change: "drop index tasks_goal_id_idx", what: "the index tasks_goal_id_idx is missing", isBearable: true },
    {
      change: "alter table tasks rename constraint tasks_pkey to tasks_pk",
      what: "the constraint tasks_pkey is named tasks_pk",
    },
    {
      change: 'alter table milestones rename constraint milestones_goal_id_fkey to "goal\'s"',
      what: "the constraint milestones_goal_id_fkey is named goal's",
    },
    {
      change: `delete from pg_enum where enumlabel = 'drifted'`,
      what: "the value drifted of the type task_state is missing",
    },
    {
      change: `update pg_index set indisvalid = false where indexrelid = 'users_created_at_idx'::regclass`,
      what: "the index users_created_at_idx is invalid",
      isBearable: true,
    },
  ];
  test.each(slice(repaired, 7))("$what", ({ change, what, isBearable = false }) =>
    afterChange(change, async (database, asMade) => {
      const driver = database.driver();
      if (isBearable) await checkSchema(driver);
      else await expect(checkSchema(driver)).rejects.toMatchObject(named(what));
      const plan = await planMigrations(driver);
      expect(plan).toMatchObject({ from: NEWEST, applied: [] });
      expect(plan.repairs.join()).toContain(what);
      const report = await migrate(driver);
      expect(report).toMatchObject({ from: NEWEST, applied: [], violations: [] });
      expect(report.repaired).toEqual(plan.repairs);
      expect(await readSchemaCatalog(database.sql)).toEqual(asMade);
      await checkSchema(driver);
      expect(await planMigrations(driver)).toMatchObject({ applied: [], repairs: [], sql: "" });
    }),
  );

  test("the plan does the same by hand", () =>
    afterChange(repaired.map(({ change }) => change).join("; "), async ({ sql, driver }, asMade) => {
      const plan = await planMigrations(driver());
      await sql.unsafe(plan.sql);
      expect(await readSchemaCatalog(sql)).toEqual(asMade);
    }));

  test("all tables, dropped with or without their types: one of several concurrent calls recreates them", async () => {
    for (const change of [DROP_TABLES, `${DROP_TABLES}; drop type task_state, task_priority, trigger_type`]) {
      await afterChange(change, async (database, asMade) => {
        await expect(checkSchema(database.driver())).rejects.toMatchObject(named("none of the tables exists"));
        expect(await planMigrations(database.driver())).toMatchObject({ from: 0, applied: ALL_NAMES });
        const reports = await Promise.all([1, 2, 3].map(() => migrate(database.driver())));
        expect(reports.map(({ applied }) => applied.length).toSorted()).toEqual([0, 0, ALL_NAMES.length]);
        expect(await readSchemaCatalog(database.sql)).toEqual(asMade);
        await checkSchema(database.driver());
      });
    }
  });

  test("only types remain, and the journal is empty or missing", async () => {
    for (const journal of ["drop table flux_dao_migrations", "truncate flux_dao_migrations"]) {
      await afterChange(`${DROP_TABLES}; ${journal}`, async (database, asMade) => {
        expect(await planMigrations(database.driver())).toMatchObject({ from: 0, applied: ALL_NAMES });
        await migrate(database.driver());
        expect(await readSchemaCatalog(database.sql)).toEqual(asMade);
        await checkSchema(database.driver());
      });
    }
  });

  test("all tables, while another table uses their types: once it does not", async () => {
    for (const change of [DROP_TABLES, `${DROP_TABLES}; truncate flux_dao_migrations`]) {
      await afterChange(`create table reports (state task_state); ${change}`, async ({ driver, sql }, asMade) => {
        await expect(migrate(driver())).rejects.toMatchObject(
          named(
            "nothing was changed: column state of table reports depends on type task_state. Make that object use another type",
          ),
        );
        await sql.unsafe("alter table reports alter state type text");
        await migrate(driver());
        await sql.unsafe("drop table reports");
        expect(await readSchemaCatalog(sql)).toEqual(asMade);
      });
    }
  });

  test("a rule that rows violate stays NOT VALID, and is reported", () =>
    afterChange(
      `alter table users drop constraint users_name_length; insert into users (name, email) values ('', 'a@example.com');
       alter table goals drop constraint goals_user_id_fkey; ${ORPHAN}`,
      async (database) => {
        const { repaired: done, violations } = await migrate(database.driver());
        expect(done).toHaveLength(2);
        expect(violations.map(({ constraint, rows }) => [constraint, rows])).toEqual([
          ["goals_user_id_fkey", 1],
          ["users_name_length", 1],
        ]);
        for (const { query } of violations) expect(await database.sql.unsafe(query)).toHaveLength(1);
        await checkSchema(database.driver());
        await database.sql.unsafe("delete from goals; delete from users");
        for (const { validation } of violations) await database.sql.unsafe(validation);
        expect(await migrate(database.driver())).toMatchObject({ repaired: [], violations: [] });
      },
    ));

  test("a unique index of the same name replaces the constraint", () =>
    afterChange(
      "alter table users drop constraint users_email_key; create unique index users_email_key on users (email)",
      async (database) => {
        await checkSchema(database.driver());
        expect((await migrate(database.driver())).repaired).toEqual([]);
      },
    ));
});

describe("changed outside the migrations, and refused with what to do:", () => {
  const refused: readonly { change: string; what: string; advice?: RegExp }[] = [
    {
      change: "alter table tasks drop column priority",
      what: "the column tasks.priority is missing",
      advice: /alter table public\.tasks add priority task_priority DEFAULT 'standard' NOT NULL;/,
    },
    {
      change: "alter table tasks drop column title",
      what: "the column tasks.title is missing",
      advice: /alter table public\.tasks add title text;/,
    },
    {
      change: "alter table tasks rename priority to importance",
      what: "the column tasks.priority is missing",
      advice: /alter table public\.tasks rename "importance" to priority;/,
    },
    { change: "drop table tasks", what: "the table tasks is missing", advice: /create table public\.tasks \(.*?\);/ },
    {
      change: "alter table tasks rename to old_tasks; create view tasks as select * from old_tasks",
      what: "tasks is a view, not a table",
    },
    {
      change: "alter table goals alter title type varchar(500)",
      what: "goals.title is character varying(500), not text",
      advice: /alter table public\.goals alter title type text using title::text;/,
    },
    {
      change: "alter table tasks alter state drop default, alter state type text, alter state set default 'scheduled'",
      what: "tasks.state is text, not task_state",
      advice: /alter table public\.tasks alter state drop default.*?;/,
    },
    {
      change: "alter type trigger_type rename to cause",
      what: "tasks.trigger_type is cause, not trigger_type",
      advice: /create type .*?; .*?;/,
    },
    {
      change:
        "alter table demo_flags drop constraint demo_flags_pkey, add constraint flags primary key (user_id, escalation_speed)",
      what: "the constraint flags is not PRIMARY KEY (user_id)",
      advice: /alter table .*?;/,
    },
    {
      change: "alter table tasks alter start_time type timestamp",
      what: "tasks.start_time is timestamp without time zone, not timestamp with time zone",
      advice: /alter table .*?;/,
    },
    {
      change: "alter table tasks alter created_at drop default, alter created_at type bigint using 20260302",
      what: "tasks.created_at is bigint, not timestamp with time zone",
      advice: /alter table .*?;/,
    },
    {
      change: "alter table tasks alter start_time set not null",
      what: "tasks.start_time is not nullable",
      advice: /alter table .*?;/,
    },
    {
      change: "alter table goals drop category; alter table goals add category text generated always as (title) stored",
      what: "goals.category is text GENERATED, not text",
      advice: /alter table public\.goals alter category drop expression;/,
    },
    {
      change: "alter table goals add rank int not null",
      what: "goals.rank, an extra column, is NOT NULL and has no default",
      advice: /alter table public\.goals alter "rank" drop not null;/,
    },
    {
      change: "alter type trigger_type rename to cause; create domain trigger_type as text",
      what: "trigger_type is not an enum, or has no values",
      advice: /alter type public\.trigger_type rename to .*?; create type .*?; .*?;/,
    },
    {
      change: "alter type task_state rename value 'drifted' to 'late'",
      what: "the value drifted of the type task_state is missing, but it has late",
      advice: /alter type .*?;/,
    },
    {
      change:
        "alter table goals drop constraint goals_user_id_fkey, add constraint goals_user_id_fkey foreign key (user_id) references users",
      what: "the constraint goals_user_id_fkey is not FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE",
      advice: /alter table .*?;/,
    },
    {
      change:
        "alter table users drop constraint users_email_key, add constraint users_email_key unique (email) deferrable",
      what: "the constraint users_email_key is not UNIQUE (email)",
      advice: /alter table .*?;/,
    },
    {
      change:
        "alter table users drop constraint users_name_length, add constraint users_name_length check (email <> '')",
      what: "the constraint users_name_length is not CHECK",
      advice: /alter table .*?;/,
    },
    {
      change: `create rule "Quiet" as on insert to tasks do instead nothing`,
      what: `the rule Quiet rewrites statements that write to tasks`,
      advice: /drop rule "Quiet" on public\.tasks;/,
    },
    {
      change: "create rule audit as on update to goals do also notify audit",
      what: "the rule audit rewrites statements that write to goals",
      advice: /drop rule .*?;/,
    },
    {
      change: "alter table milestones alter week_number add generated always as identity",
      what: "milestones.week_number is integer IDENTITY, not integer",
      advice: /alter table public\.milestones alter week_number drop identity;/,
    },
    {
      change: `create collation any_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
        alter table users alter email type text collate any_case`,
      what: "users.email is text COLLATE any_case, not text",
      advice: /alter table public\.users alter email type text using email::text;/,
    },
    {
      change: "alter table tasks set unlogged",
      what: "the table tasks is unlogged",
      advice: /alter table public\.tasks set logged;/,
    },
    {
      change: `alter table goals add "Order" int not null`,
      what: `goals.Order, an extra column, is NOT NULL and has no default`,
      advice: /alter table public\.goals alter "Order" drop not null;/,
    },
    {
      change: `alter table tasks rename priority to "order"`,
      what: "the column tasks.priority is missing",
      advice: /alter table public\.tasks rename "order" to priority;/,
    },
  ];
  test.each(slice(refused, 10))("$what", ({ change, what, advice }) =>
    afterChange(change, async (database, asMade) => {
      const driver = database.driver();
      const changed = await readSchemaCatalog(database.sql);
      await expect(checkSchema(driver)).rejects.toMatchObject(named(what));
      await expect(planMigrations(driver)).rejects.toMatchObject(named(what));
      const error: unknown = await migrate(driver).catch((reason: unknown) => reason);
      expect(error).toMatchObject(named(what));
      expect(await readSchemaCatalog(database.sql)).toEqual(changed);
      if (advice === undefined) return;
      const statement = advice.exec(error instanceof Error ? error.message : "")?.[0].replaceAll("Run: ", "");
      expect(statement).toBeDefined();
      // Following the advice is enough.
      await database.sql.unsafe(statement ?? "");
      await migrate(driver);
      await checkSchema(driver);
      expect(await readSchemaCatalog(database.sql)).toEqual(expect.arrayContaining(asMade));
    }),
  );

  test.each(slice(["goals", "users", "milestones", "tasks"], 1))(
    "foreign keys that are not enforced, of %s, with what is an orphan by now",
    (table) =>
      afterChange(
        `alter table ${table} disable trigger all; ${table === "goals" ? ORPHAN : ""}`,
        async ({ sql, driver }, asMade) => {
          await expect(checkSchema(driver())).rejects.toMatchObject(
            named("_fkey is not enforced: its triggers are disabled"),
          );
          const report = await untilMigrated(driver(), sql);
          const orphans = table === "goals" ? ["goals_user_id_fkey"] : [];
          expect(report.violations.map(({ constraint }) => constraint)).toEqual(orphans);
          await sql.unsafe("delete from goals");
          for (const { validation } of report.violations) await sql.unsafe(validation);
          expect(await readSchemaCatalog(sql)).toEqual(asMade);
          await checkSchema(driver());
        },
      ),
  );

  test("a key that rows violate, with the query that finds them", () =>
    afterChange(`alter table users drop constraint users_email_key; ${USER}; ${USER}`, async (database) => {
      const error: unknown = await migrate(database.driver()).catch((reason: unknown) => reason);
      expect(error).toMatchObject(
        named("failed at the constraint users_email_key, and nothing was changed: some rows violate it"),
      );
      const query = /select email.*?;/.exec(String(error))?.[0] ?? "";
      expect(await database.sql.unsafe(query)).toMatchObject([{ email: "ada@example.com", count: "2" }]);
    }));

  test("a nullable column that contains NULLs", () =>
    afterChange(
      `alter table users alter demo_mode drop not null; ${USER}; update users set demo_mode = null`,
      async (database) => {
        const error: unknown = await migrate(database.driver()).catch((reason: unknown) => reason);
        expect(error).toMatchObject(
          named("failed at NOT NULL of users.demo_mode, and nothing was changed: some rows violate it"),
        );
        expect(await database.sql.unsafe(/select \*.*?;/.exec(String(error))?.[0] ?? "")).toHaveLength(1);
      },
    ));

  test("tables without their journal, with the statements that recreate it", async () => {
    for (const change of ["drop table flux_dao_migrations", "truncate flux_dao_migrations"]) {
      await afterChange(change, async (database, asMade) => {
        const error: unknown = await migrate(database.driver()).catch((reason: unknown) => reason);
        expect(error).toMatchObject(named(`The tables match version ${NEWEST}`));
        await database.sql.unsafe(/CREATE TABLE.*$/.exec(String(error))?.[0] ?? "");
        expect(await migrate(database.driver())).toMatchObject({ from: NEWEST, applied: [] });
        expect(await readSchemaCatalog(database.sql)).toEqual(asMade);
      });
    }
  });

  test("a journal that has lost rows, with what to do", () =>
    afterChange("delete from flux_dao_migrations where version > 1", async (database) => {
      await expect(migrate(database.driver())).rejects.toMatchObject(
        named("insert it again as planMigrations() writes it"),
      );
      const { sql } = await planMigrations(database.driver());
      for (const [insert] of sql.matchAll(/^INSERT INTO .*flux_dao_migrations.*;$/gm))
        await database.sql.unsafe(insert);
      expect(await migrate(database.driver())).toMatchObject({ from: NEWEST, applied: [], repaired: [] });
    }));

  test.each(slice(["version", "name", "checksum"], 1))(
    "a journal without its column %s, until it is dropped and recreated as advised",
    (column) =>
      afterChange(`alter table flux_dao_migrations drop column ${column}`, async ({ driver, sql }, asMade) => {
        const lacks = named("lacks a column, and nothing was changed. Restore it from a backup; or drop it");
        if (column === "version") await expect(checkSchema(driver())).rejects.toMatchObject(lacks);
        await expect(migrate(driver())).rejects.toMatchObject(lacks);
        expect(await new Database(driver()).diagnose()).toContainEqual({
          name: "schema",
          ok: false,
          message: lacks.message,
        });
        await sql.unsafe("drop table flux_dao_migrations");
        const error: unknown = await migrate(driver()).catch((reason: unknown) => reason);
        await sql.unsafe(/CREATE TABLE.*$/.exec(String(error))?.[0] ?? "");
        await migrate(driver());
        expect(await readSchemaCatalog(sql)).toEqual(asMade);
      }),
  );

  test("what the server refuses, in the server's words", () =>
    afterChange(
      `drop table tasks; create table tasks (like public.goals including defaults) partition by hash (id);
       alter table tasks drop column category, drop column timeline, drop column status;
       alter table tasks add goal_id uuid not null, add milestone_id uuid, add start_time timestamptz, add end_time timestamptz,
         add state task_state not null default 'scheduled', add priority task_priority not null default 'standard',
         add trigger_type trigger_type not null default 'time', add is_recurring bool not null default false,
         add calendar_event_id varchar(255)`,
      async ({ driver }) => {
        await expect(migrate(driver())).rejects.toMatchObject({
          message: expect.stringMatching(/nothing was changed: .*partition/),
        });
      },
    ));
});

describe("obstacles of the role do not concern migrate(), and checkReady() and diagnose() name them:", () => {
  const APP = "grant usage on schema public to app; grant all on all tables in schema public to app;";
  const obstacles: readonly { change: string; what: string; advice: RegExp; cure: string }[] = [
    {
      change: `${APP} revoke insert, delete on tasks from app`,
      what: "the role may not insert, delete on public.tasks",
      advice: /Run: grant insert, delete on public\.tasks to app;/,
      cure: "grant insert, delete on public.tasks to app",
    },
    {
      change: `${APP} revoke select, insert on tasks from app; grant select (id), insert (id) on tasks to app`,
      what: "the role may not select, insert on public.tasks",
      advice: /Run: grant select, insert on public\.tasks to app;/,
      cure: "grant select, insert on public.tasks to app",
    },
    {
      change: `${APP} revoke update on tasks, idempotency_keys from app; grant update (title, state, priority) on tasks to app;
        grant update (fingerprint, result, created_at) on idempotency_keys to app`,
      what: "the role may not update on public.tasks",
      advice: /Run: grant update on public\.tasks to app;/,
      cure: `grant update (milestone_id, start_time, end_time, trigger_type, is_recurring, calendar_event_id) on tasks to app`,
    },
    {
      change: `${APP} alter table users enable row level security; create policy readers on users for select to app using (true)`,
      what: "row-level security on public.users has no policy that lets the role insert, update, delete",
      advice: /Create a policy on public\.users for app/,
      cure: "create policy all_of_it on users to app using (true)",
    },
    {
      change: `${APP} alter table users enable row level security`,
      what: "row-level security on public.users has no policy that lets the role select, insert, update, delete",
      advice: /Create a policy on public\.users for app/,
      cure: "create policy all_of_it on users to app using (true)",
    },
    {
      change: `${APP} alter table tasks enable row level security; create policy nothing on tasks to app using (false)`,
      what: "row-level security on public.tasks has no policy that lets the role select, insert, update, delete",
      advice: /drop those that exclude every row/,
      cure: "drop policy nothing on tasks; create policy all_of_it on tasks to app using (true)",
    },
    {
      change: `${APP} alter table tasks enable row level security; create policy all_of_it on tasks using (true);
        create policy closed on tasks as restrictive for select using (false)`,
      what: "row-level security on public.tasks has no policy that lets the role select",
      advice: /drop those that exclude every row/,
      cure: "drop policy closed on tasks",
    },
    ...["table tasks", "all tables", "tables in schema public"].map((published) => ({
      change: `${APP} alter table tasks replica identity nothing; create publication moved for ${published}`,
      what: "public.tasks is published without a replica identity, so the server rejects every update and delete",
      advice: /Run: alter table public\.tasks replica identity default;/,
      cure: "alter table tasks replica identity default",
    })),
    {
      change: `${APP} create unique index by_title on tasks (title, id); alter table tasks alter title set not null,
        replica identity using index by_title; create publication moved for table tasks with (publish = 'update');
        drop index by_title`,
      what: "public.tasks is published without a replica identity",
      advice: /Run: alter table public\.tasks replica identity default;/,
      cure: "alter publication moved set (publish = 'insert')",
    },
  ];
  test.each(slice(obstacles, 4))("$what", ({ change, what, advice, cure }) =>
    withRoleNamedApp((database, url) =>
      inTurn(
        () => database.sql.unsafe(change),
        async () => {
          const driver = database.driver({ url, prepare: false });
          await expect(checkSchema(driver)).rejects.toMatchObject(named(what));
          const { message = "" } =
            (await new Database(driver).diagnose()).find(({ name }) => name === "privileges") ?? {};
          expect(message).toContain(what);
          expect(message).toMatch(advice);
          expect(await planMigrations(database.driver())).toMatchObject({ applied: [], repairs: [] });
          await database.sql.unsafe(cure);
          await checkSchema(driver);
        },
      ),
    ),
  );
});

test("a role that may not use the schema cannot read its version, and is told what to grant", () =>
  withRoleNamedApp(async ({ sql, driver }, url) => {
    await sql.unsafe(`grant all on all tables in schema public to app; revoke usage on schema public from app, public`);
    await expect(checkSchema(driver({ url }))).rejects.toMatchObject(named("USAGE on the schema public"));
    expect(await new Database(driver({ url })).diagnose()).toContainEqual({
      name: "schema",
      ok: false,
      message: expect.stringContaining("USAGE on the schema public"),
    });
    await sql.unsafe("grant usage on schema public to app");
    await checkSchema(driver({ url }));
  }));

test("a role for which foreign keys are not enforced is named, too", () =>
  withRoleNamedApp(async ({ sql, driver }, url) => {
    await sql.unsafe(`grant usage on schema public to app; grant all on all tables in schema public to app;
      alter role app set session_replication_role = replica`);
    await expect(checkSchema(driver({ url }))).rejects.toMatchObject(
      named("the session_replication_role of this connection is replica, so the server does not enforce foreign keys"),
    );
    expect(await new Database(driver({ url })).diagnose()).toContainEqual({
      name: "privileges",
      ok: false,
      message: expect.stringContaining("alter role app reset session_replication_role"),
    });
    await sql.unsafe("alter role app reset session_replication_role");
    await checkSchema(driver({ url }));
  }));

test("a table that is published without a replica identity is unavailable, and the next probe reports it", () =>
  withMigratedDatabase(async ({ sql, driver }) => {
    const database = new Database(driver());
    await database.checkReady();
    const { id } = await database.users.create(makeUserData());
    await sql.unsafe("alter table users replica identity nothing; create publication moved for table users");
    const refused = { code: "unavailable", message: expect.stringContaining("replica identity") };
    await expect(database.users.update(id, { name: "Ada" })).rejects.toMatchObject(refused);
    await expect(database.checkReady()).rejects.toMatchObject({ code: "schema_version" });
    await expect(database.users.delete(id)).rejects.toMatchObject(refused);
  }));

test("a journal whose rows are hidden is not mistaken for an empty one", () =>
  withRoleNamedApp(async ({ sql, driver }, url) => {
    await sql.unsafe(`grant usage on schema public to app; grant all on all tables in schema public to app;
      alter table flux_dao_migrations enable row level security`);
    const hidden = named("disable row-level security on that table");
    await expect(checkSchema(driver({ url }))).rejects.toMatchObject(hidden);
    await expect(planMigrations(driver({ url }))).rejects.toMatchObject(hidden);
    await expect(migrate(driver({ url }))).rejects.toMatchObject(hidden);
    expect(await new Database(driver({ url })).diagnose()).toContainEqual({
      name: "schema",
      ok: false,
      message: hidden.message,
    });
    await sql.unsafe("alter table flux_dao_migrations disable row level security");
    await checkSchema(driver({ url }));
  }));

test("other triggers do not affect readiness, and diagnose() names them", () =>
  afterChange(
    `create function stamp() returns trigger language plpgsql as 'begin new.title = upper(new.title); return new; end';
     create trigger stamp before insert on tasks for each row execute function stamp()`,
    async ({ driver }) => {
      const database = new Database(driver());
      await database.checkReady();
      expect(await database.diagnose()).toContainEqual({
        name: "drift",
        ok: true,
        message: expect.stringContaining("Other triggers run on writes to tasks (stamp)."),
      });
    },
  ));

describe("drift that makes no call fail does not affect readiness, and diagnose() names it:", () => {
  const drifted: readonly { change: string; what: string; advice?: RegExp }[] = [
    {
      change: "alter type task_state add value 'paused' before 'missed'; alter type trigger_type add value 'on_rain'",
      what: "finds and counts no row by them: task_state (paused), trigger_type (on_rain).",
    },
    {
      change: `alter table tasks drop constraint tasks_title_length,
        add constraint tasks_title_length check (char_length(title) between 1 and 5000)`,
      what: "the constraint tasks_title_length is CHECK (((char_length(title) >= 1) AND (char_length(title) <= 5000)))",
      advice: /alter table .*?;/,
    },
    {
      change: `alter table tasks drop constraint tasks_start_time_range,
        add constraint tasks_start_time_range check (start_time >= '0001-01-01 00:00:00+00' and start_time < '99999-01-01 00:00:00+00')`,
      what: "the constraint tasks_start_time_range is CHECK",
      advice: /alter table .*?;/,
    },
    {
      change:
        "alter table users drop constraint users_email_format, add constraint users_email_format check (email ~ '@')",
      what: "the constraint users_email_format is CHECK ((email ~ '@'::text)), not CHECK",
      advice: /alter table .*?;/,
    },
    {
      change:
        "alter table goals add constraint short check (char_length(title) < 100), add constraint once unique (title); create unique index alone on goals (user_id)",
      what: "Other constraints may refuse rows of goals (alone, once, short)",
    },
  ];
  test.each(slice(drifted, 2))("$what", ({ change, what, advice }) =>
    afterChange(change, async ({ driver, sql }) => {
      const database = new Database(driver());
      await database.checkReady();
      expect(await migrate(driver())).toMatchObject({ repaired: [], violations: [] });
      const drift = async () => (await database.diagnose()).find(({ name }) => name === "drift");
      expect(await drift()).toEqual({
        name: "drift",
        ok: advice === undefined,
        message: expect.stringContaining(what),
      });
      if (advice === undefined) return;
      await sql.unsafe(advice.exec((await drift())?.message ?? "")?.[0] ?? "");
      await migrate(driver());
      expect(await drift()).toMatchObject({ ok: true });
    }),
  );

  test("in a session with any settings that affect how the catalog is rendered", () =>
    afterChange("select 1", async ({ driver, sql, name }) => {
      await sql.unsafe(`alter database ${name} set timezone to 'Europe/Berlin'; alter database ${name} set datestyle to 'German';
        alter database ${name} set quote_all_identifiers to on; alter database ${name} set standard_conforming_strings to off`);
      const database = new Database(driver());
      await database.checkReady();
      expect((await database.diagnose()).filter(({ ok }) => !ok)).toEqual([]);
    }));

  test("policies that show the role some rows", () =>
    withRoleNamedApp(async ({ sql, driver }, url) => {
      await sql.unsafe(`grant usage on schema public to app; grant all on all tables in schema public to app;
        alter table tasks enable row level security; create policy mine on tasks to app using (title <> 'Secret')`);
      const database = new Database(driver({ url }));
      await database.checkReady();
      expect((await database.diagnose()).find(({ name }) => name === "privileges")).toEqual({
        name: "privileges",
        ok: true,
        message: expect.stringContaining("Row-level security limits which rows it reads and writes of tasks (mine)."),
      });
    }));
});

describe("readiness", () => {
  test("is the same on every driver", () =>
    afterChange("select 1", async ({ url, sql }) => {
      const pool = openPool(url, 1);
      const client = postgres(url, { max: 1 });
      await using embedded = await openDatabase("memory://");
      await embedded.migrate();
      const joined = [joinPgPool(pool), joinDrizzle(drizzlePg(pool)), joinDrizzle(drizzlePostgres(client))];
      for (const database of [embedded, ...joined]) await database.checkReady();
      await sql.unsafe("alter table tasks rename priority to importance");
      for (const database of joined) {
        await expect(database.tasks.list()).rejects.toMatchObject({ name: "SchemaVersionError" });
        await expect(database.checkReady()).rejects.toMatchObject(named("the column tasks.priority is missing"));
      }
      await Promise.all([pool.end(), client.end()]);
    }));

  test("compares the schema at first, after a statement failed because of it, and while something is wrong", () =>
    withMigratedDatabase(async (database) => {
      const driver = database.driver();
      const statements: string[] = [];
      const executor: SqlExecutor = {
        execute: (text, parameters) => {
          statements.push(text);
          return driver.execute(text, parameters);
        },
      };
      const check = schemaCheck(PUBLIC);
      const looks = async () => {
        statements.length = 0;
        await check.run(executor).catch(() => undefined);
        return statements.length;
      };
      expect([await looks(), await looks(), await looks()]).toEqual([2, 1, 1]);
      check.statementFailed(Object.assign(new Error(), { code: "23505" }));
      expect(await looks()).toBe(1);
      for (const code of ["42P01", "42703", "42704", "0A000", "42501", "57P01", "CONNECTION_CLOSED"]) {
        check.statementFailed(new Error("translated", { cause: Object.assign(new Error(), { code }) }));
        expect([await looks(), await looks()]).toEqual([2, 1]);
      }
      await database.sql.unsafe("alter table tasks rename priority to importance");
      check.statementFailed(Object.assign(new Error(), { code: "42703" }));
      expect([await looks(), await looks()]).toEqual([2, 2]);
      await database.sql.unsafe("alter table tasks rename importance to priority");
      expect([await looks(), await looks()]).toEqual([2, 1]);
    }));

  test("is lost when a statement fails because of the schema or loses its connection", () =>
    withMigratedDatabase(async (database) => {
      const db = new Database(database.driver());
      await db.checkReady();
      await database.sql.unsafe("alter table tasks drop column priority");
      await db.checkReady();
      await expect(db.tasks.list()).rejects.toMatchObject({ name: "SchemaVersionError" });
      await expect(db.checkReady()).rejects.toMatchObject(named("the column tasks.priority is missing"));
    }));

  test("is lost while the server is read-only, and comes back", () =>
    withMigratedDatabase(async (database) => {
      const readOnly = (setting: string) =>
        database.sql.unsafe(`alter database ${database.name} set default_transaction_read_only to ${setting}`);
      await readOnly("on");
      await expect(new Database(database.driver()).checkReady()).rejects.toMatchObject({
        name: "UnavailableError",
        message: expect.stringMatching(/is read-only: its transactions are read-only/),
      });
      const findings = () => new Database(database.driver()).diagnose();
      expect((await findings()).filter(({ ok }) => !ok)).toEqual([
        { name: "server", ok: false, message: expect.stringContaining("default_transaction_read_only is on") },
      ]);
      await readOnly("off");
      await new Database(database.driver()).checkReady();
      expect((await findings()).filter(({ ok }) => !ok)).toEqual([]);
    }));
});

const inTurn = async (...steps: readonly (() => PromiseLike<unknown>)[]) => {
  for (const step of steps) await step();
};

/** Runs every statement that `migrate()` advises, until it succeeds; returns its report. */
async function untilMigrated(driver: SqlDriver, sql: postgres.Sql): Promise<MigrationReport> {
  for (;;) {
    const outcome = await migrate(driver).catch((error: unknown) => String(error));
    if (typeof outcome !== "string") return outcome;
    const statements = [...outcome.matchAll(/Run: (.+?;)(?= Then| Run| Restore|$)/g)];
    expect(statements.length, outcome).toBeGreaterThan(0);
    for (const [, statement = ""] of statements) await sql.unsafe(statement);
  }
}

/** A migrated database with a role `app` that may only log in. */
function withRoleNamedApp(work: (database: ScratchDatabase, url: string) => Promise<void>): Promise<void> {
  return withMigratedDatabase(async (database) => {
    await database.sql.unsafe("create role app login password 'secret'");
    const url = new URL(database.url);
    [url.username, url.password] = ["app", "secret"];
    try {
      await work(database, url.href);
    } finally {
      await database.sql.unsafe("drop owned by app; drop role app");
    }
  });
}
