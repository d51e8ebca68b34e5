import { type SQLChunk, sql } from "drizzle-orm";
import type { SqlDriver, SqlParameter } from "../session/driver.ts";
import { positionalParameters } from "./host/host-client.ts";
import { hostDriver } from "./host/host-driver.ts";

/** The part of an application's Drizzle database or transaction that is used, on any PostgreSQL driver. */
export interface HostDrizzle {
  /** Receives an `SQL` of Drizzle; untyped, so that this package's declarations do not need Drizzle's. */
  execute(query: unknown): PromiseLike<unknown>;
  transaction<Result>(work: (transaction: HostDrizzle) => Promise<Result>): Promise<Result>;
}

/** Drizzle on `pg`, postgres.js, PGlite or another driver; or a transaction of it. */
export function drizzleDriver(database: HostDrizzle, poolSize?: number): SqlDriver {
  // The pool, or in a transaction its connection.
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
    // postgres.js fails the whole transaction unless it set the savepoint itself.
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
