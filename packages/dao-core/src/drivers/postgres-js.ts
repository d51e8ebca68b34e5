import type { SqlDriver, SqlParameter } from "../session/driver.ts";
import { hostDriver } from "./host/host-driver.ts";

/** The part of an application's postgres.js client, or of its transaction, that is used. */
export interface HostPostgresJs {
  unsafe(text: string, parameters: SqlParameter[]): PromiseLike<readonly object[]>;
  /** Of a client. */
  begin?(work: (transaction: HostPostgresJs) => Promise<unknown>): Promise<unknown>;
  /** Of a transaction. */
  savepoint?(work: (nested: HostPostgresJs) => Promise<unknown>): Promise<unknown>;
}

/** postgres.js. After an error it fails the whole transaction, unless it set a savepoint itself. */
export function postgresJsDriver(sql: HostPostgresJs, poolSize?: number): SqlDriver {
  return hostDriver<HostPostgresJs>({
    description: "the application's postgres.js client",
    handle: sql,
    execute: (handle, text, values) => handle.unsafe(text, values),
    transaction: sql.savepoint === undefined ? (work) => within(sql, "begin", work) : undefined,
    savepoint: (transaction, work) => within(transaction, "savepoint", work),
    poolSize,
  });
}

/** It would await each member of an array that is the result. */
async function within<Result>(
  sql: HostPostgresJs,
  method: "begin" | "savepoint",
  work: (handle: HostPostgresJs) => Promise<Result>,
): Promise<Result> {
  let result: { readonly value: Result } | undefined;
  await sql[method]?.(async (handle) => {
    result = { value: await work(handle) };
  });
  if (result === undefined) throw new TypeError(`The postgres.js client has no ${method}.`);
  return result.value;
}
