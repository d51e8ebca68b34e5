import { describe, expect, test } from "vitest";
import { NEWEST, withNext } from "./migration-versions.ts";
import { migrate } from "./public-schema.ts";
import { PYTHON_SERVICE_DDL } from "./python-service-database.ts";
import { readSchemaCatalog } from "./schema-catalog.ts";
import { withScratchDatabase } from "./scratch-database.ts";

const FUTURE = NEWEST + 6;
const absent = `\\(version 0; this code needs version ${NEWEST}\\)`;

describe("refused, naming both versions, and nothing changed:", () => {
  const refusals: [what: string, { before: string; sentence: RegExp; migrated: boolean }][] = [
    [
      "a database newer than the code",
      {
        before: `insert into flux_dao_migrations (version, name, checksum) values (${FUTURE}, 'future', 'future')`,
        sentence: new RegExp(
          `is at version ${FUTURE}, newer than version ${NEWEST}, which this code needs\\. Run a release`,
        ),
        migrated: true,
      },
    ],
    [
      "a migration that was changed after it was applied",
      {
        before: "update flux_dao_migrations set checksum = repeat('0', 64) where version = 1",
        sentence: new RegExp(
          `at version ${NEWEST}, this code at version ${NEWEST}, but version 1 was applied as 0000_initial.*0{12}…`,
        ),
        migrated: true,
      },
    ],
    [
      "an incomplete set of tables",
      {
        before: "create table users (id uuid primary key); create table goals (id uuid primary key)",
        sentence: new RegExp(`${absent}, but has goals, users in the schema public.*tasks is missing`),
        migrated: false,
      },
    ],
    [
      "an enum type without any table",
      {
        before: "create type task_state as enum ('on')",
        sentence: new RegExp(`${absent}, but has task_state in the schema public`),
        migrated: false,
      },
    ],
    [
      "a journal whose progress is not ours",
      {
        before: `alter table flux_dao_migrations alter online type text; update flux_dao_migrations set online = 'all'`,
        sentence: /^The column "online" of the table flux_dao_migrations, .* was changed by hand\. Set it to/,
        migrated: true,
      },
    ],
    [
      "progress without a number",
      {
        before: `update flux_dao_migrations set online = '{"done": "all"}'`,
        sentence: /was changed by hand/,
        migrated: true,
      },
    ],
    [
      "a server that is too old, as its catalog shows",
      {
        before:
          "set allow_system_table_mods = on; alter table pg_publication_namespace rename to not_yet; reset allow_system_table_mods",
        sentence: /^The server is older than PostgreSQL 15, the oldest that is supported\. Upgrade it\.$/,
        migrated: false,
      },
    ],
    [
      "complete tables without their journal",
      {
        before: "drop table flux_dao_migrations",
        sentence: new RegExp(
          `^The tables match version ${NEWEST}, which this code needs, but their journal flux_dao_migrations is`,
        ),
        migrated: true,
      },
    ],
  ];

  test.each(refusals)("%s", (_, { before, sentence, migrated }) =>
    withScratchDatabase(async (database) => {
      const driver = database.driver();
      if (migrated) await migrate(driver);
      await database.sql.unsafe(before);
      const found = await readSchemaCatalog(database.sql);
      await expect(migrate(driver)).rejects.toMatchObject({
        name: "SchemaVersionError",
        message: expect.stringMatching(sentence),
      });
      expect(await readSchemaCatalog(database.sql)).toEqual(found);
    }),
  );

  test("a journal with a gap", () =>
    withScratchDatabase(async (database) => {
      const set = withNext(["select 1;"]);
      await migrate(database.driver(), {}, set);
      await database.sql.unsafe("delete from flux_dao_migrations where version = 1");
      await expect(migrate(database.driver(), {}, set)).rejects.toThrow(/lacks version 1 \(0000_initial\)/);
    }));
});

describe("tables that differ from the Python service's are refused, with what differs:", () => {
  const differences: [what: string, change: string, sentence: RegExp][] = [
    [
      "a column of another type",
      "alter table tasks alter title type varchar(500)",
      /tasks.title is character varying\(500\), not text/,
    ],
    [
      "a column without a time zone",
      "alter table tasks alter start_time type timestamp",
      /tasks.start_time is timestamp without/,
    ],
    ["a column missing", "alter table goals drop timeline", /goals.timeline is missing/],
    [
      "an extra column that is required",
      "alter table goals add rank int not null",
      /goals.rank, an extra column, is NOT NULL and has no default/,
    ],
    ["a required column that may be null", "alter table users alter name drop not null", /users.name is nullable/],
    ["a table missing", "drop table demo_flags", /the table demo_flags is missing/],
    [
      "a view",
      "alter table demo_flags rename to flags; create view demo_flags as select * from flags",
      /demo_flags is a view, not a table/,
    ],
    [
      "one more enum value",
      "alter type task_state add value 'paused' before 'missed'",
      /task_state has the values scheduled, drifted, completed, paused, missed/,
    ],
    [
      "a foreign key that does not cascade",
      "alter table goals drop constraint goals_user_id_fkey, add foreign key (user_id) references users",
      /goals_user_id_fkey is not FOREIGN KEY .* ON DELETE CASCADE/,
    ],
    [
      "a foreign key of another name",
      "alter table tasks rename constraint tasks_milestone_id_fkey to fk_milestone",
      /constraint tasks_milestone_id_fkey is named fk_milestone/,
    ],
    [
      "e-mail addresses that need not be unique",
      "alter table users drop constraint users_email_key",
      /the constraint users_email_key is missing/,
    ],
  ];

  test.each(differences)("%s", (_, change, sentence) =>
    withScratchDatabase(async ({ sql, driver }) => {
      await sql.unsafe(PYTHON_SERVICE_DDL);
      await sql.unsafe(change);
      const before = await readSchemaCatalog(sql);
      const error = await migrate(driver()).catch((reason: unknown) => reason);
      expect(error).toMatchObject({ name: "SchemaVersionError", message: expect.stringMatching(sentence) });
      expect(error).toMatchObject({ message: expect.stringContaining(`version 0; this code needs version ${NEWEST}`) });
      expect(await readSchemaCatalog(sql)).toEqual(before);
    }),
  );
});
