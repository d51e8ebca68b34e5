/**
 * A separate process that migrates a database at its parent's command, and reports the outcome. The parent may also have it
 * stop at a certain statement, to kill it there. Arguments: the database URL.
 */

import { PostgresDriver } from "../src/drivers/postgres/driver.ts";
import type { SqlDriver, SqlTransaction } from "../src/session/driver.ts";
import { postgresLocation } from "./postgres-location.ts";
import { migrate } from "./public-schema.ts";

/** Where a migration reports that it has arrived, and whether it then waits to be killed. */
export interface StopPoint {
  /** Before this statement of its transaction, counted from 0; the number after the last statement is the commit. */
  readonly statement: number;
  readonly waits: boolean;
}

/** A report to the parent. */
export type MigrateMessage =
  | "ready"
  | { readonly at: number }
  | { readonly applied: readonly string[]; readonly statements: number }
  | { readonly error: string };

const [url = ""] = process.argv.slice(2);
// A lock time-out that every waiting migrator would run into if the migration did not set its own.
const driver = new PostgresDriver(postgresLocation(url), { poolSize: 1, lockTimeout: 1 });
let statements = 0;

function tell(message: MigrateMessage): Promise<void> {
  return new Promise((resolve) => {
    process.send?.(message, () => resolve());
  });
}

function stoppingAt({ statement, waits }: StopPoint): SqlDriver {
  let isDone = false;
  const pass = async () => {
    if (isDone || statements !== statement) return;
    await tell({ at: statement });
    if (waits) await new Promise(() => setInterval(() => undefined, 60_000));
  };
  return {
    description: driver.description,
    isTransaction: false,
    execute: (...args) => driver.execute(...args),
    close: (timeout) => driver.close(timeout),
    transaction: (work, options) =>
      driver.transaction(async (transaction) => {
        const watched: SqlTransaction = {
          savepoint: (...args) => transaction.savepoint(...args),
          execute: async (...args) => {
            await pass();
            statements += isDone ? 0 : 1;
            return transaction.execute(...args);
          },
        };
        const result = await work(watched);
        await pass();
        isDone = true;
        return result;
      }, options),
  };
}

process.once("message", async (stop: StopPoint) => {
  try {
    const { applied } = await migrate(stoppingAt(stop));
    await tell({ applied, statements });
  } catch (error) {
    await tell({ error: String(error) });
  }
  await driver.close();
  process.disconnect();
});

await driver.execute("select 1 as one", []);
await tell("ready");
