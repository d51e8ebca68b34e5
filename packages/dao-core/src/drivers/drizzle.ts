import { type SQLChunk, sql } from "drizzle-orm";
import type { SqlDriver, SqlParameter } from "../session/driver.ts";
import { hostDriver } from "./host/host-driver.ts";
import { positionalParameters } from "./host/positional-parameters.ts";

/** What of an application's Drizzle database or transaction is used; any PostgreSQL driver's will do. */
export interface HostDrizzle {
  /** Is given an `SQL` of Drizzle; not typed so, for the declarations of this package to need none of Drizzle's. */
  execute(query: unknown): PromiseLike<unknown>;
  transaction<Result>(work: (transaction: HostDrizzle) => Promise<Result>): Promise<Result>;
}

/** Drizzle on `pg`, postgres.js, PGlite or another driver; or a transaction of it. */
export function drizzleDriver(database: HostDrizzle, poolSize?: number): SqlDriver {
  // The pool, or within a transaction the one connection.
  const clientOf = (handle: HostDrizzle): unknown => Reflect.get(Object(Reflect.get(handle, "session")), "client");
  const isTransaction = "rollback" in database;
  return hostDriver<HostDrizzle>({
    description: "the application's Drizzle database",
    handle: database,
    async execute(handle, text, values) {
      const result = await handle.execute(toSql(text, values));
      return Array.isArray(result) ? result : Reflect.get(Object(result), "rows");
    },
    transaction: isTransaction ? undefined : (work) => database.transaction(work),
    // postgres.js fails a transaction for good unless it set the savepoint itself.
    savepoint: (transaction, work) => transaction.transaction(work),
    connectionOf: clientOf,
    pool: Object(clientOf(database) ?? database),
    poolSize,
  });
}

function toSql(text: string, parameters: readonly SqlParameter[]): unknown {
  const { parts, values } = positionalParameters(text, parameters);
  const chunks = parts.flatMap((part, index): SQLChunk[] =>
    index < values.length ? [sql.raw(part), sql.param(values[index])] : [sql.raw(part)],
  );
  return sql.join(chunks);
}
