import {
  type Database,
  type DatabaseSession,
  joinDrizzle,
  joinKnex,
  joinKysely,
  joinPgClient,
  joinPgPool,
  joinPostgresJs,
  joinPrisma,
  joinTypeOrm,
} from "@flux/dao-core";
import { createTestDatabase } from "@flux/dao-core/testing";
import { sql } from "drizzle-orm";
import { drizzle as drizzlePg } from "drizzle-orm/node-postgres";
import { drizzle as drizzlePostgres } from "drizzle-orm/postgres-js";
import knex from "knex";
import { CompiledQuery, Kysely, PostgresDialect } from "kysely";
import postgres from "postgres";
import { DataSource } from "typeorm";
import { inject } from "vitest";
import { openPool } from "./pg-pool.ts";
import type { PrismaModule } from "./prisma-client.ts";

/** Work in a transaction of the application's own: with the session that joined it, and with statements by its client. */
export type ApplicationsWork<Result> = (
  session: Database,
  execute: (text: string) => PromiseLike<unknown>,
) => Promise<Result>;

/** An application's client, connected. */
export interface OpenHost {
  /** On the client's pool. */
  readonly database: Database;
  /** Runs `work` in a transaction of the application's own. */
  transaction<Result>(work: ApplicationsWork<Result>): Promise<Result>;
  close(): Promise<unknown>;
}

/** A database client that applications use. */
export interface Host {
  readonly name: string;
  /** Whether it detects the loss of an idle connection. */
  readonly detectsIdleLoss: boolean;
  /** Cases of the contract suite, by the beginning of their names, that the client cannot support. */
  readonly cannot?: readonly string[];
  open(url: string, poolSize: number): Promise<OpenHost>;
}

const pgHost: Host = {
  name: "pg",
  detectsIdleLoss: true,
  async open(url, poolSize) {
    const pool = openPool(url, poolSize);
    return {
      database: joinPgPool(pool),
      async transaction(work) {
        const client = await pool.connect();
        try {
          await client.query("begin");
          const result = await work(joinPgClient(client), (text) => client.query(text));
          await client.query("commit");
          return result;
        } catch (error) {
          await client.query("rollback");
          throw error;
        } finally {
          client.release();
        }
      },
      close: () => pool.end(),
    };
  },
};

const postgresJsHost: Host = {
  name: "postgres.js",
  detectsIdleLoss: true,
  async open(url, poolSize) {
    const client = postgres(url, { max: poolSize, onnotice: () => undefined });
    return {
      database: joinPostgresJs(client),
      async transaction<Result>(work: ApplicationsWork<Result>) {
        const results: Result[] = [];
        await client.begin(async (transaction) => {
          results.push(await work(joinPostgresJs(transaction), (text) => transaction.unsafe(text)));
        });
        return only(results);
      },
      close: () => client.end({ timeout: 5 }),
    };
  },
};

const drizzleOnPgHost: Host = {
  name: "Drizzle on pg",
  detectsIdleLoss: true,
  async open(url, poolSize) {
    const pool = openPool(url, poolSize);
    const drizzle = drizzlePg(pool);
    return {
      database: joinDrizzle(drizzle),
      transaction: (work) =>
        drizzle.transaction((transaction) =>
          work(joinDrizzle(transaction), (text) => transaction.execute(sql.raw(text))),
        ),
      close: () => pool.end(),
    };
  },
};

const drizzleOnPostgresJsHost: Host = {
  name: "Drizzle on postgres.js",
  detectsIdleLoss: true,
  async open(url, poolSize) {
    const client = postgres(url, { max: poolSize, onnotice: () => undefined });
    const drizzle = drizzlePostgres(client);
    return {
      database: joinDrizzle(drizzle),
      transaction: (work) =>
        drizzle.transaction((transaction) =>
          work(joinDrizzle(transaction), (text) => transaction.execute(sql.raw(text))),
        ),
      close: () => client.end({ timeout: 5 }),
    };
  },
};

const kyselyHost: Host = {
  name: "Kysely",
  detectsIdleLoss: false,
  async open(url, poolSize) {
    const kysely = new Kysely<object>({ dialect: new PostgresDialect({ pool: openPool(url, poolSize) }) });
    return {
      database: joinKysely(kysely, { poolSize }),
      transaction: (work) =>
        kysely
          .transaction()
          .execute((transaction) =>
            work(joinKysely(transaction), (text) => transaction.executeQuery(CompiledQuery.raw(text))),
          ),
      close: () => kysely.destroy(),
    };
  },
};

const knexHost: Host = {
  name: "Knex",
  detectsIdleLoss: true,
  async open(url, poolSize) {
    const database = knex({ client: "pg", connection: url, pool: { min: 0, max: poolSize } });
    return {
      database: joinKnex(database),
      transaction: (work) =>
        database.transaction((transaction) => work(joinKnex(transaction), (text) => transaction.raw(text))),
      close: () => database.destroy(),
    };
  },
};

const typeOrmHost: Host = {
  name: "TypeORM",
  detectsIdleLoss: true,
  async open(url, poolSize) {
    const source = new DataSource({ type: "postgres", url, poolSize });
    await source.initialize();
    return {
      database: joinTypeOrm(source, { poolSize }),
      transaction: (work) => source.transaction((manager) => work(joinTypeOrm(manager), (text) => manager.query(text))),
      close: () => source.destroy(),
    };
  },
};

const prismaHost = (module: string): Host => ({
  name: "Prisma",
  detectsIdleLoss: false,
  // It drops the detail of an error, which names the one of many rows in a statement that violates a foreign key.
  cannot: ["createTasks refuses rows that", "updateTasks changes all or none"],
  async open(url, poolSize) {
    const { PrismaClient, PrismaPg }: PrismaModule = await import(module);
    const client = new PrismaClient({ adapter: new PrismaPg({ connectionString: url, max: poolSize }) });
    return {
      database: joinPrisma(client, { poolSize }),
      transaction: (work) =>
        client.$transaction((transaction) =>
          work(joinPrisma(transaction), (text) => transaction.$queryRawUnsafe(text)),
        ),
      close: () => client.$disconnect(),
    };
  },
});

const prismaModule = process.env["PRISMA_CLIENT"];

/** Prisma's client takes 300 MB, so only `pnpm test:prisma` runs it, and no other. */
export const hosts: readonly Host[] =
  prismaModule === undefined
    ? [pgHost, postgresJsHost, drizzleOnPgHost, drizzleOnPostgresJsHost, kyselyHost, knexHost, typeOrmHost]
    : [prismaHost(prismaModule)];

/**
 * The drivers that this run covers: in `pnpm test` our own, in `test:hosts` the clients of applications, in `test:long` both.
 */
export function ofThisRun<Item>(own: readonly Item[], applications: readonly Item[]): readonly Item[] {
  const tests = process.env["FLUX_TESTS"];
  return [...(tests === "hosts" ? [] : own), ...(tests === undefined ? [] : applications)];
}

/** A session to test, on a database of its own. */
export interface TestSession {
  readonly database: DatabaseSession;
  drop(): Promise<unknown>;
}

/** An application's client on a migrated database of its own. */
export async function openHost(
  { open }: Host,
  poolSize: number,
  changes = false,
): Promise<OpenHost & { readonly url: string }> {
  const { url, drop } = await createTestDatabase({ serverUrl: inject("adminUrl"), poolSize: 1, changes });
  const host = await open(url, poolSize);
  return { ...host, url, close: () => host.close().then(drop) };
}

/** The hosts, as sessions for suites that need no more of them. */
export const hostSessions = (poolSize: number) =>
  hosts.map((host) => ({
    engine: host.name,
    cannot: host.cannot,
    async open(): Promise<TestSession> {
      const { database, close } = await openHost(host, poolSize, true);
      return { database, drop: close };
    },
  }));

function only<Result>(results: readonly Result[]): Result {
  for (const result of results) return result;
  throw new Error("There is no result.");
}
