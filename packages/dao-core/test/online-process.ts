/**
 * A separate process that migrates a database to {@link ONLINE_SET} at its parent's command, and reports the outcome. The parent may
 * have it stop before a certain statement, counted from 0 over all transactions, to kill it there. Arguments: the database URL.
 */
import { postgresDriver } from "../src/drivers/postgres/driver.ts";
import { ONLINE_SET } from "./online-migration.ts";
import { postgresLocation } from "./postgres-location.ts";
import { migrate } from "./public-schema.ts";
import { forever, watchedDriver } from "./watched-driver.ts";

/** A report to the parent. */
export type OnlineMessage =
  | "ready"
  | { readonly at: string }
  | { readonly online: readonly string[]; readonly statements: readonly string[] }
  | { readonly error: string };

const [url = ""] = process.argv.slice(2);
const driver = postgresDriver(postgresLocation(url), { poolSize: 1 });
const statements: string[] = [];

const tell = (message: OnlineMessage) =>
  new Promise<void>((resolve) => {
    process.send?.(message, () => resolve());
  });

const stoppingAt = (stop: number) =>
  watchedDriver(driver, async (text) => {
    statements.push(text);
    if (statements.length - 1 !== stop) return;
    await tell({ at: text });
    await forever();
  });

process.once("message", async (stop: number) => {
  try {
    const { online } = await migrate(stoppingAt(stop), {}, ONLINE_SET);
    await tell({ online, statements });
  } catch (error) {
    await tell({ error: String(error) });
  }
  await driver.close();
  process.disconnect();
});

await driver.execute("select 1 as one", []);
await tell("ready");
