import { type SQLChunk, sql } from "drizzle-orm";
import { isError } from "../contract/fields/realms.ts";
import type { Database } from "../database.ts";
import type { SqlParameter } from "../session/driver.ts";
import { DEFAULT_ACQUIRE_TIMEOUT, LARGEST_VALUE } from "../session/limits.ts";
import { connectionClosed } from "../session/postgres-errors.ts";
import { type JoinOptions, joinClient } from "./join.ts";

/** The part of an application's Drizzle database or transaction that is used, on any PostgreSQL driver. */
export interface HostDrizzle {
  /** Receives an `SQL` of Drizzle; untyped, so that this package's declarations do not need Drizzle's. */
  execute(query: unknown): PromiseLike<unknown>;
  transaction<Result>(work: (transaction: HostDrizzle) => Promise<Result>): Promise<Result>;
}

/** A database on an application's Drizzle instance, of any PostgreSQL driver, or its transaction. See {@link hostDriver}. */
export function joinDrizzle(database: HostDrizzle, options: JoinOptions = {}): Database {
  // The pool, or in a transaction its connection.
  const clientOf = (handle: HostDrizzle): unknown => Reflect.get(Object(Reflect.get(handle, "session")), "client");
  const isTransaction = "rollback" in database;
  return joinClient<HostDrizzle>(options, {
    description: "the application's Drizzle database",
    handle: database,
    async execute(handle, text, values) {
      const result = await handle.execute(toSql(text, values));
      return Array.isArray(result) ? result : Reflect.get(Object(result), "rows");
    },
    transaction: isTransaction ? undefined : (work) => database.transaction(work),
    // postgres.js fails the whole transaction unless it has set the savepoint itself.
    savepoint: (transaction, work) => transaction.transaction(work),
    connectionOf: clientOf,
    pool: Object(clientOf(database) ?? database),
  });
}

function toSql(text: string, parameters: readonly SqlParameter[]): unknown {
  const { parts, values } = positionalParameters(text, parameters);
  const chunks = parts.flatMap((part, index): SQLChunk[] =>
    index < values.length ? [sql.raw(part), sql.param(values[index])] : [sql.raw(part)],
  );
  return sql.join(chunks);
}

/** The part of an application's Kysely, or of its transaction, that is used. */
export interface HostKysely {
  readonly isTransaction: boolean;
  executeQuery(query: unknown): Promise<{ readonly rows: readonly unknown[] }>;
  transaction(): { execute<Result>(work: (transaction: HostKysely) => Promise<Result>): Promise<Result> };
}

/**
 * A database on an application's Kysely on `pg`, or on one of its transactions. Kysely does not expose its connections, so the
 * loss of one is noticed by the next statement, and sessions on a read-only server stay until its pool replaces them; give the
 * clients of that pool `error` listeners. See {@link hostDriver}.
 */
export function joinKysely(database: HostKysely, options: JoinOptions = {}): Database {
  return joinClient<HostKysely>(options, {
    description: "the application's Kysely database",
    handle: database,
    async execute(handle, sql, parameters) {
      // As `CompiledQuery.raw` returns it.
      const query = { sql, parameters, query: { kind: "RawNode", sqlFragments: [sql], parameters: [] } };
      const { rows } = await handle.executeQuery(query);
      return rows.map(Object);
    },
    transaction: database.isTransaction ? undefined : (work) => database.transaction().execute(work),
  });
}

/** The part of an application's Knex, or of its transaction, that is used. */
export interface HostKnex {
  readonly client: { acquireConnection(): Promise<unknown>; readonly pool?: { readonly max: number } };
  readonly isTransaction?: boolean;
  raw(text: string, bindings: readonly unknown[]): PromiseLike<{ readonly rows: readonly object[] }>;
  transaction<Result>(work: (transaction: HostKnex) => Promise<Result>): Promise<Result>;
}

/** A database on an application's Knex on `pg`, or on one of its transactions. See {@link hostDriver}. */
export function joinKnex(database: HostKnex, options: JoinOptions = {}): Database {
  return joinClient<HostKnex>(options, {
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
    poolSize: database.client.pool?.max,
  });
}

const isPoolTimeout = (error: unknown): boolean => isError(error) && error.name === "KnexTimeoutError";

/** The part of an application's TypeORM `DataSource`, or of its `EntityManager`, that is used. */
export interface HostTypeOrm {
  /** Of the manager of a transaction. */
  readonly queryRunner?: object | undefined;
  /** Of a manager; `connection` before TypeORM 1. */
  readonly dataSource?: HostTypeOrm | undefined;
  readonly connection?: HostTypeOrm | undefined;
  query(text: string, parameters: unknown[]): Promise<unknown>;
  transaction<Result>(work: (manager: HostTypeOrm) => Promise<Result>): Promise<Result>;
}

/** A database on a TypeORM `DataSource`, or a transaction's `EntityManager`, which can cancel, too. See {@link hostDriver}. */
export function joinTypeOrm(host: HostTypeOrm, options: JoinOptions = {}): Database {
  const runnerOf = (handle: HostTypeOrm) => Object(handle.queryRunner);
  const dataSource = host.dataSource ?? host.connection;
  const isTransaction = Reflect.get(runnerOf(host), "isTransactionActive") === true;
  return joinClient<HostTypeOrm>(options, {
    description: "the application's TypeORM data source",
    handle: host,
    async execute(handle, text, values) {
      const result = await handle.query(text, values);
      // An UPDATE or DELETE returns the rows and their number.
      const rows: unknown = Array.isArray(result) && Array.isArray(result[0]) ? result[0] : result;
      return Array.isArray(rows) ? rows : [];
    },
    transaction: isTransaction ? undefined : (work) => host.transaction(work),
    connectionOf: (manager) => Reflect.get(runnerOf(manager), "databaseConnection"),
    toDriverError: (error) => Reflect.get(Object(error), "driverError") ?? error,
    beside: dataSource,
    pool: dataSource ?? host,
  });
}

/** The part of an application's postgres.js client, or of its transaction, that is used. */
export interface HostPostgresJs {
  unsafe(text: string, parameters: SqlParameter[]): PromiseLike<readonly object[]>;
  /** Of a client. */
  begin?(work: (transaction: HostPostgresJs) => Promise<unknown>): Promise<unknown>;
  /** Of a transaction. */
  savepoint?(work: (nested: HostPostgresJs) => Promise<unknown>): Promise<unknown>;
}

/**
 * A database on an application's postgres.js client, or on one of its transactions. postgres.js fails the whole transaction after an
 * error, unless it has set a savepoint itself. See {@link hostDriver}.
 */
export function joinPostgresJs(sql: HostPostgresJs, options: JoinOptions = {}): Database {
  return joinClient<HostPostgresJs>(options, {
    description: "the application's postgres.js client",
    handle: sql,
    execute: (handle, text, values) => handle.unsafe(text, values),
    transaction: sql.savepoint === undefined ? (work) => within(sql, "begin", work) : undefined,
    savepoint: (transaction, work) => within(transaction, "savepoint", work),
    connectionOf: (transaction) => transaction,
  });
}

/** postgres.js would await each member of an array. */
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

/** The part of an application's Prisma client, or of its interactive transaction, that is used. */
export interface HostPrisma {
  $queryRawUnsafe(text: string, ...values: unknown[]): PromiseLike<unknown>;
  /** Of a client, and not of a transaction. */
  $connect?(): Promise<void>;
  $transaction?<Result>(
    work: (transaction: HostPrisma) => Promise<Result>,
    options: { maxWait: number; timeout: number },
  ): Promise<Result>;
}

/**
 * A database on an application's Prisma client with its adapter for `pg`, or on one of its interactive transactions. Prisma does
 * not expose its connections, so the loss of one is noticed by the next statement, and sessions on a read-only server stay until
 * its pool replaces them. See {@link hostDriver}.
 */
export function joinPrisma(client: HostPrisma, options: JoinOptions = {}): Database {
  return joinClient<HostPrisma>(options, {
    description: "the application's Prisma client",
    handle: client,
    async execute(handle, text, values) {
      const rows = await handle.$queryRawUnsafe(text, ...values);
      return Array.isArray(rows) ? rows : [];
    },
    transaction: client.$connect === undefined ? undefined : (work) => beginPrisma(client, work),
    toDriverError: prismaDriverError,
  });
}

function beginPrisma<Result>(client: HostPrisma, work: (transaction: HostPrisma) => Promise<Result>): Promise<Result> {
  if (client.$transaction === undefined) throw new TypeError("The Prisma client has no $transaction.");
  // Only the caller's own time-out limits the transaction.
  return client.$transaction(work, { maxWait: DEFAULT_ACQUIRE_TIMEOUT, timeout: LARGEST_VALUE });
}

/** The codes for a missing connection: it cannot be opened, was closed, or none was free in time. */
const connectionCodes: ReadonlySet<unknown> = new Set(["P1001", "P1002", "P1008", "P1017", "P2024", "P2028"]);

/** PostgreSQL's error, as far as Prisma keeps it: SQLSTATE and message. */
function prismaDriverError(error: unknown): unknown {
  const adapterError = member(error, "meta", "driverAdapterError") ?? error;
  const code = member(adapterError, "cause", "originalCode");
  if (typeof code !== "string") return connectionCodes.has(member(error, "code")) ? connectionClosed(error) : error;
  const message = String(member(adapterError, "cause", "originalMessage"));
  const detail = member(adapterError, "cause", "detail");
  const column = member(adapterError, "cause", "constraint", "fields", "0");
  return Object.assign(new Error(message, { cause: error }), { code, detail, column });
}

function member(value: unknown, ...path: readonly string[]): unknown {
  return path.reduce((object, name): unknown => Reflect.get(Object(object), name), value);
}

/** For clients that number parameters by position: `$2` may come before `$1`, and twice. */
function positionalParameters(text: string, values: readonly SqlParameter[]) {
  const numbers = [...text.matchAll(/\$(\d+)/g)].map(([, number]) => Number(number));
  return { parts: text.split(/\$\d+/), values: numbers.map((number) => values[number - 1] ?? null) };
}
