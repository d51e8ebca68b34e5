import type { SqlDriver } from "../session/driver.ts";
import { hostDriver } from "./host/host-driver.ts";

/** The part of an application's Kysely, or of its transaction, that is used. */
export interface HostKysely {
  readonly isTransaction: boolean;
  executeQuery(query: unknown): Promise<{ readonly rows: readonly unknown[] }>;
  transaction(): { execute<Result>(work: (transaction: HostKysely) => Promise<Result>): Promise<Result> };
}

/** Kysely on `pg`. It hands out no connection, so a loss is noticed by the next statement. */
export function kyselyDriver(database: HostKysely, poolSize?: number): SqlDriver {
  return hostDriver({
    description: "the application's Kysely database",
    handle: database,
    async execute(handle, sql, parameters) {
      // As `CompiledQuery.raw` returns it.
      const query = { sql, parameters, query: { kind: "RawNode", sqlFragments: [sql], parameters: [] } };
      const { rows } = await handle.executeQuery(query);
      return rows.map(Object);
    },
    transaction: database.isTransaction ? undefined : (work) => database.transaction().execute(work),
    poolSize,
  });
}
