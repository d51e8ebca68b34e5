import type { PostgresDriver } from "../src/drivers/postgres/driver.ts";
import type { SqlDriver, SqlTransaction } from "../src/session/driver.ts";

/** Passed to a {@link watchedDriver}'s `before` in place of a statement, before a transaction commits. */
export const COMMIT = "commit";

/** The driver, with `before` awaited before each statement of a transaction or outside of one, by its text, and before each commit. */
export function watchedDriver(driver: PostgresDriver, before: (text: string) => Promise<void>): SqlDriver {
  return {
    description: driver.description,
    isTransaction: false,
    execute: (...args) => driver.execute(...args),
    executeAlone: async (text, signal) => {
      await before(text);
      return driver.executeAlone(text, signal);
    },
    close: (timeout) => driver.close(timeout),
    transaction: (work, options) =>
      driver.transaction(async (transaction) => {
        const watched: SqlTransaction = {
          savepoint: (...args) => transaction.savepoint(...args),
          execute: async (...args) => {
            await before(args[0]);
            return transaction.execute(...args);
          },
        };
        const result = await work(watched);
        await before(COMMIT);
        return result;
      }, options),
  };
}

/** Waits to be killed. */
export const forever = () => new Promise<never>(() => setInterval(() => undefined, 60_000));
