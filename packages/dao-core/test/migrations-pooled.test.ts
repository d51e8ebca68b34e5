import { describe, expect, test } from "vitest";
import { ALL_NAMES, withNext } from "./migration-versions.ts";
import { migrate, planMigrations } from "./public-schema.ts";
import { PYTHON_SERVICE_DDL, REGULAR_ROWS } from "./python-service-database.ts";
import { checkSchema, readSchemaCatalog } from "./schema-catalog.ts";
import { connect, type ScratchDatabase, withScratchDatabase } from "./scratch-database.ts";
import { TransactionPooler } from "./transaction-pooler.ts";

/** Settings that earlier clients may have left on the connections. */
const SPOILED = `
  set search_path to elsewhere; set lock_timeout to '1ms'; set standard_conforming_strings to off;
  set default_transaction_isolation to serializable; set row_security to on`;

const SETTINGS = `
  select current_setting('search_path') as path, current_setting('lock_timeout') as lock,
    current_setting('standard_conforming_strings') as strings, current_setting('statement_timeout') as statement`;

async function withPooler(
  database: ScratchDatabase,
  work: (pooler: TransactionPooler, url: string) => Promise<void>,
): Promise<void> {
  await using pooler = await TransactionPooler.start(database.url);
  const url = pooler.through(database.url);
  const neighbours = Array.from({ length: 3 }, () => connect(url));
  try {
    // One connection each, then a round in which three of them get other settings.
    for (const neighbour of neighbours) await neighbour.unsafe("select 1");
    for (const neighbour of neighbours) await neighbour.unsafe(SPOILED);
    await work(pooler, url);
  } finally {
    await Promise.all(neighbours.map((neighbour) => neighbour.end({ timeout: 0 })));
  }
}

describe("through a transaction-pooling proxy", () => {
  test.each([
    ["an empty database", ""],
    ["a database of the Python service", PYTHON_SERVICE_DDL + REGULAR_ROWS],
  ])("%s is planned, migrated and checked as directly", (_, before) =>
    withScratchDatabase(async (direct) => {
      await direct.sql.unsafe(before);
      const plan = await planMigrations(direct.driver());
      await migrate(direct.driver());
      await withScratchDatabase(async (database) => {
        await database.sql.unsafe(before);
        await withPooler(database, async (pooler, url) => {
          const driver = database.driver({ url, prepare: false });
          expect(await planMigrations(driver)).toEqual(plan);
          expect((await migrate(driver)).applied).toEqual(ALL_NAMES);
          // Three of the four connections have other settings, and they are used in turn.
          const checks: string[] = [];
          for (let turn = 0; turn < 4; turn++) {
            checks.push(
              await checkSchema(driver).then(
                () => "ok",
                (error: unknown) => String(error),
              ),
            );
          }
          expect(checks).toEqual(["ok", "ok", "ok", "ok"]);
          expect((await migrate(driver)).applied).toEqual([]);
          expect((await migrate(driver, {}, withNext(["create table later ()"]))).applied).toEqual(["next"]);
          expect(pooler.switches).toBeGreaterThan(6);
        });
        await database.sql.unsafe("drop table later; delete from flux_dao_migrations where name = 'next'");
        expect(await readSchemaCatalog(database.sql)).toEqual(await readSchemaCatalog(direct.sql));
      });
    }),
  );

  test("several at once: one applies, none waits for a lock that a session kept", () =>
    withScratchDatabase((database) =>
      withPooler(database, async (_, url) => {
        const drivers = Array.from({ length: 8 }, () => database.driver({ url, prepare: false, poolSize: 1 }));
        const reports = await Promise.all(drivers.map((driver) => migrate(driver, { waitTimeout: 20_000 })));
        expect(reports.map(({ applied }) => applied.length).toSorted()).toEqual([
          ...Array(7).fill(0),
          ALL_NAMES.length,
        ]);
        const locks = `select 1 from pg_locks where locktype = 'advisory'
          and database = (select oid from pg_database where datname = current_database())`;
        expect(await database.sql.unsafe(locks)).toHaveLength(0);
      }),
    ));

  test("a migration leaves no state on the connections", () =>
    withScratchDatabase((database) =>
      withPooler(database, async (_, url) => {
        await migrate(database.driver({ url, prepare: false, poolSize: 1 }));
        const next = connect(url);
        const seen = [];
        for (let turn = 0; turn < 3; turn++) seen.push((await next.unsafe(SETTINGS))[0]);
        await next.end({ timeout: 0 });
        const spoiled = { path: "elsewhere", lock: "1ms", strings: "off", statement: "0" };
        expect(seen).toContainEqual(spoiled);
        for (const settings of seen)
          expect([spoiled, { ...spoiled, path: '"$user", public', lock: "0", strings: "on" }]).toContainEqual(settings);
      }),
    ));
});
