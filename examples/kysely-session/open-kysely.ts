import { Kysely, PostgresDialect } from "kysely";
import pg from "pg";
import type { Db } from "./kysely-engine.ts";

const TIMESTAMPTZ = 1184;

/** Kysely on a pool of its own, with the limits that `openDatabase` sets too: without them a call could wait for ever. */
export function openKysely(connectionString: string, poolSize = 10): Db {
  const pool = new pg.Pool({
    connectionString,
    max: poolSize,
    connectionTimeoutMillis: 5_000,
    statement_timeout: 30_000,
    lock_timeout: 10_000,
    idle_in_transaction_session_timeout: 60_000,
    // Instants stay text, with their microseconds: a list's cursor needs them.
    types: {
      getTypeParser: (oid, format) =>
        oid === TIMESTAMPTZ ? (text: string) => text : pg.types.getTypeParser(oid, format),
    },
  });
  // Without listeners the loss of a connection that nobody uses, or that is between two statements, would end the process.
  pool.on("error", () => undefined);
  pool.on("connect", (client) => client.on("error", () => undefined));
  return new Kysely({ dialect: new PostgresDialect({ pool }) });
}
