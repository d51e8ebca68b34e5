/**
 * A separate process that migrates a database to {@link ONLINE_SET} at its parent's command, and reports the outcome. The parent may
 * have it stop before a certain statement, counted from 0 over all transactions, to kill it there. Arguments: the database URL.
 */
import { PostgresDriver } from "../src/drivers/postgres/driver.ts";
import type { SqlDriver, SqlTransaction } from "../src/session/driver.ts";
import { ONLINE_SET } from "./online-migration.ts";
import { postgresLocation } from "./postgres-location.ts";
import { migrate } from "./public-schema.ts";

/** A report to the parent. */
export type OnlineMessage =
  | "ready"
  | { readonly at: string }
  | { readonly online: readonly string[]; readonly statements: readonly string[] }
  | { readonly error: string };

const [url = ""] = process.argv.slice(2);
const driver = new PostgresDriver(postgresLocation(url), { poolSize: 1 });
const statements: string[] = [];

const tell = (message: OnlineMessage) =>
  new Promise<void>((resolve) => {
    process.send?.(message, () => resolve());
  });

function stoppingAt(stop: number): SqlDriver {
  const pass = async (text: string) => {
    statements.push(text);
    if (statements.length - 1 !== stop) return;
    await tell({ at: text });
    await new Promise(() => setInterval(() => undefined, 60_000));
  };
  return {
    description: driver.description,
    isTransaction: false,
    execute: (...args) => driver.execute(...args),
    executeAlone: async (text, signal) => {
      await pass(text);
      return driver.executeAlone(text, signal);
    },
    close: (timeout) => driver.close(timeout),
    transaction: (work, options) =>
      driver.transaction(async (transaction) => {
        const watched: SqlTransaction = {
          savepoint: (...args) => transaction.savepoint(...args),
          execute: async (...args) => {
            await pass(args[0]);
            return transaction.execute(...args);
          },
        };
        const result = await work(watched);
        await pass("commit");
        return result;
      }, options),
  };
}

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
