import { PGlite } from "@electric-sql/pglite";
import { type Database, joinDrizzle, joinPgPool, openDatabase } from "@flux/dao-core";
import { createTestDatabase } from "@flux/dao-core/testing";
import { drizzle as drizzlePg } from "drizzle-orm/node-postgres";
import { drizzle as drizzlePglite } from "drizzle-orm/pglite";
import { drizzle as drizzlePostgres } from "drizzle-orm/postgres-js";
import pg from "pg";
import postgres from "postgres";
import { inject } from "vitest";

/** Milliseconds after which the server ends a session that idles in a transaction, where there is a server. */
export const IDLE_TIMEOUT = 2_000;

/** A driver's database with a single connection, so that one which is not given back is missed at once. */
export interface OneConnection extends AsyncDisposable {
  readonly database: Database;
  /** Connections of another client to the same server, where there is a server. */
  readonly others?: postgres.Sql;
}

interface OnServer extends OneConnection {
  readonly others: postgres.Sql;
}

interface DriverCase<Scene extends OneConnection = OneConnection> {
  readonly driver: string;
  open(): Promise<Scene>;
}

async function onServer(
  open: (url: string) => { database: Database | Promise<Database>; end?(): Promise<unknown> },
): Promise<OnServer> {
  const { url, drop } = await createTestDatabase({ serverUrl: inject("adminUrl"), poolSize: 1 });
  const others = postgres(url, { max: 2, onnotice: () => undefined });
  const [{ name } = { name: "" }] = await others<{ name: string }[]>`select current_database() as name`;
  await others.unsafe(`alter database ${name} set idle_in_transaction_session_timeout = ${IDLE_TIMEOUT}`);
  const { database: opening, end } = open(url);
  const database = await opening;
  return {
    database,
    others,
    async [Symbol.asyncDispose]() {
      await database.close();
      await end?.();
      await others.end();
      await drop();
    },
  };
}

/** An application's own duty: what a pool says of idle clients that were lost. */
function openPool(url: string): pg.Pool {
  return new pg.Pool({ connectionString: url, max: 1 }).on("error", () => undefined);
}

/** On a server: these can lose their connection. */
export const serverDrivers: readonly DriverCase<OnServer>[] = [
  {
    driver: "postgres.js",
    open: () =>
      onServer((url) => ({ database: openDatabase(url, { poolSize: 1, idleInTransactionTimeout: IDLE_TIMEOUT }) })),
  },
  {
    driver: "a pg.Pool",
    open: () =>
      onServer((url) => {
        const pool = openPool(url);
        return { database: joinPgPool(pool), end: () => pool.end() };
      }),
  },
  {
    driver: "Drizzle on postgres.js",
    open: () =>
      onServer((url) => {
        const client = postgres(url, { max: 1, onnotice: () => undefined });
        return { database: joinDrizzle(drizzlePostgres(client)), end: () => client.end() };
      }),
  },
  {
    driver: "Drizzle on pg",
    open: () =>
      onServer((url) => {
        const pool = openPool(url);
        return { database: joinDrizzle(drizzlePg(pool)), end: () => pool.end() };
      }),
  },
];

export const everyDriver: readonly DriverCase[] = [
  ...serverDrivers,
  {
    driver: "PGlite",
    async open() {
      const { database, drop } = await createTestDatabase({ serverUrl: "" });
      return { database, [Symbol.asyncDispose]: drop };
    },
  },
  {
    driver: "Drizzle on PGlite",
    async open() {
      const client = await PGlite.create();
      const database = joinDrizzle(drizzlePglite(client));
      await database.migrate();
      return { database, [Symbol.asyncDispose]: () => client.close() };
    },
  },
];
