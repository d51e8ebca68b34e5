import { PGlite } from "@electric-sql/pglite";
import { type Database, joinDrizzle, openDatabase } from "@flux/dao-core";
import { createTestDatabase } from "@flux/dao-core/testing";
import { drizzle as drizzlePglite } from "drizzle-orm/pglite";
import postgres from "postgres";
import { inject } from "vitest";
import { type FaultyNetwork, faultyNetwork } from "../../../test/faulty-network.ts";
import { hosts, ofThisRun } from "./hosts.ts";

/** Milliseconds after which the server ends a session that is idle in a transaction, if there is a server. */
export const IDLE_TIMEOUT = 2_000;

/** A driver's database with a single connection, so that a connection leak shows at once. */
export interface OneConnection extends AsyncDisposable {
  readonly database: Database;
  /** Connections of another client to the same server, if there is a server. */
  readonly others?: postgres.Sql;
}

interface OnServer extends OneConnection {
  readonly others: postgres.Sql;
  /** The network between the driver and the server. */
  readonly network: FaultyNetwork;
}

interface DriverCase {
  readonly driver: string;
  open(): Promise<OneConnection>;
}

interface ServerCase extends DriverCase {
  /** Whether the loss of an idle connection is detected. */
  readonly detectsIdleLoss: boolean;
  /** @param idleTimeout default {@link IDLE_TIMEOUT} */
  open(idleTimeout?: number): Promise<OnServer>;
}

interface Opened {
  readonly database: Database | Promise<Database>;
  close?(): Promise<unknown>;
}

async function onServer(
  open: (url: string) => Opened | Promise<Opened>,
  idleTimeout = IDLE_TIMEOUT,
): Promise<OnServer> {
  const { url, drop } = await createTestDatabase({ serverUrl: inject("adminUrl"), poolSize: 1 });
  const others = postgres(url, { max: 2, onnotice: () => undefined });
  const [{ name } = { name: "" }] = await others<{ name: string }[]>`select current_database() as name`;
  await others.unsafe(`alter database ${name} set idle_in_transaction_session_timeout = ${idleTimeout}`);
  const network = await faultyNetwork(url);
  const { database: opening, close } = await open(network.url);
  const database = await opening;
  return {
    database,
    others,
    network,
    async [Symbol.asyncDispose]() {
      await database.close();
      await close?.();
      await network[Symbol.asyncDispose]();
      await others.end();
      await drop();
    },
  };
}

const own: ServerCase = {
  driver: "postgres.js",
  detectsIdleLoss: true,
  open: (idleTimeout = IDLE_TIMEOUT) =>
    onServer((url) => ({ database: openDatabase(url, { poolSize: 1, idleInTransactionTimeout: idleTimeout }) })),
};

const hostDrivers: readonly ServerCase[] = hosts.map(({ name, detectsIdleLoss, open }) => ({
  driver: `the application's ${name}`,
  detectsIdleLoss,
  open: (idleTimeout) => onServer((url) => open(url, 1), idleTimeout),
}));

const ownDrivers: readonly DriverCase[] = [
  own,
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

export const everyDriver: readonly DriverCase[] = [...ownDrivers, ...hostDrivers];

/** The drivers of {@link everyDriver} that this run covers. */
export const driversOfThisRun = ofThisRun(ownDrivers, hostDrivers);

/** Those of them on a server, whose connections can be lost. */
export const serverDriversOfThisRun = ofThisRun([own], hostDrivers);
