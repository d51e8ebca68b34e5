/**
 * A separate process that migrates a database at its parent's command, and reports the outcome. The parent may also have it
 * stop at a certain statement, to kill it there. Arguments: the database URL.
 */

import { postgresDriver } from "../src/drivers/postgres/driver.ts";
import { postgresLocation } from "./postgres-location.ts";
import { migrate } from "./public-schema.ts";
import { COMMIT, forever, watchedDriver } from "./watched-driver.ts";

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
const driver = postgresDriver(postgresLocation(url), { poolSize: 1, lockTimeout: 1 });
let statements = 0;

function tell(message: MigrateMessage): Promise<void> {
  return new Promise((resolve) => {
    process.send?.(message, () => resolve());
  });
}

function stoppingAt({ statement, waits }: StopPoint) {
  let isDone = false;
  return watchedDriver(driver, async (text) => {
    if (isDone) return;
    if (statements === statement) {
      await tell({ at: statement });
      if (waits) await forever();
    }
    if (text === COMMIT) isDone = true;
    else statements++;
  });
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
