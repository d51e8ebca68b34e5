/**
 * A process of its own that migrates a database when its parent says so, and reports how it went.
 * Arguments: the database URL.
 */
import { migrate } from "../src/migrations/migrate.ts";
import { PostgresDriver } from "../src/session/postgres-driver.ts";

const [url = ""] = process.argv.slice(2);
// A lock time-out that every waiting migrator would run into, if the migration did not have its own.
const driver = new PostgresDriver(url, "the test's database", { poolSize: 1, lockTimeout: 1 });

process.once("message", async () => {
  let answer: { applied: readonly string[] } | { error: string };
  try {
    answer = { applied: (await migrate(driver)).applied };
  } catch (error) {
    answer = { error: String(error) };
  }
  await driver.close();
  process.send?.(answer, () => process.disconnect());
});

await driver.execute("select 1 as one", []);
process.send?.("ready");
