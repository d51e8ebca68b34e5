import { afterAll, beforeAll, expect, test } from "vitest";
import { openPglite } from "../src/drivers/pglite/pglite.ts";
import type { SqlDriver } from "../src/session/driver.ts";
import { diagnose, migrate } from "./public-schema.ts";

let driver: SqlDriver;
beforeAll(async () => {
  driver = await openPglite();
  await migrate(driver);
});
afterAll(() => driver.close());

const addUsers = (name: string) =>
  driver.execute("insert into users (name, email) select $1, n || '@x.org' from generate_series(1, 50) as n", [name]);

/** Inserts without updating an index, like a process that is unaware of another's writes. */
async function addPast(index: string, name: string): Promise<void> {
  const maintain = (is: boolean) =>
    driver.execute("update pg_index set indisready = $1, indisvalid = $1 where indexrelid = $2::text::regclass", [
      is,
      index,
    ]);
  await maintain(false);
  await addUsers(name);
  await maintain(true);
}

const damage = async () => (await diagnose(driver)).find(({ name }) => name === "indexes");

test("doctor finds rows missing from an index, and duplicate keys", async () => {
  await addUsers("Ada");
  expect(await damage()).toMatchObject({ ok: true });
  await addPast("users_email_key", "Grace");
  expect(await damage()).toMatchObject({
    ok: false,
    message: expect.stringMatching(
      /users_email_key has 50 rows where users has 100, users_email_key has 50 duplicate keys\. Copy .* REINDEX/s,
    ),
  });
  await driver.execute("delete from users where name = 'Grace'", []);
  await driver.execute("reindex table users", []);
  expect(await damage()).toMatchObject({ ok: true });
});

test("doctor finds an empty index", async () => {
  await driver.execute("delete from users", []);
  await addPast("users_pkey", "Ada");
  await driver.execute("vacuum users", []);
  expect((await damage())?.message).toContain("users_pkey has 0 rows where users has 50");
});
