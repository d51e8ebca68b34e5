import type { SqlDriver } from "../session/driver.ts";
import { connectionClosed } from "../session/postgres-errors.ts";
import { positionalParameters } from "./host/host-client.ts";
import { hostDriver } from "./host/host-driver.ts";

/** The part of an application's Knex, or of its transaction, that is used. */
export interface HostKnex {
  readonly client: { acquireConnection(): Promise<unknown>; readonly pool?: { readonly max: number } };
  readonly isTransaction?: boolean;
  raw(text: string, bindings: readonly unknown[]): PromiseLike<{ readonly rows: readonly object[] }>;
  transaction<Result>(work: (transaction: HostKnex) => Promise<Result>): Promise<Result>;
}

/** Knex on `pg`. */
export function knexDriver(database: HostKnex, poolSize = database.client.pool?.max): SqlDriver {
  return hostDriver<HostKnex>({
    description: "the application's Knex",
    handle: database,
    async execute(handle, text, parameters) {
      const { parts, values } = positionalParameters(text.replaceAll("?", "\\?"), parameters);
      return (await handle.raw(parts.join("?"), values)).rows;
    },
    transaction: database.isTransaction === true ? undefined : (work) => database.transaction(work),
    connectionOf: (transaction) => transaction.client.acquireConnection(),
    toDriverError: (error) => (isPoolTimeout(error) ? connectionClosed(error) : error),
    pool: database.client,
    poolSize,
  });
}

const isPoolTimeout = (error: unknown): boolean => error instanceof Error && error.name === "KnexTimeoutError";
