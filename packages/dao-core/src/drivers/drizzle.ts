import { is, type SQL, type SQLChunk, sql } from "drizzle-orm";
import { PgTransaction } from "drizzle-orm/pg-core";
import type { CallOptions } from "../contract/call-options.ts";
import { UnitOfWorkMisuseError } from "../contract/errors.ts";
import { localSettings } from "../session/begin.ts";
import type { TransactionOptions } from "../session/database-session.ts";
import type { SqlDriver, SqlExecutor, SqlParameter, SqlResult, SqlRow, SqlTransaction } from "../session/driver.ts";
import { inHostsTransaction } from "../session/host-transaction.ts";
import { withCode } from "../session/postgres-errors.ts";
import { OpenTransaction, type SqlConnection } from "../session/transaction.ts";

/** What of a host's Drizzle database or transaction is used; any PostgreSQL driver's will do. */
export interface HostDrizzle {
  /** Is given an `SQL` of Drizzle; not typed so, for the declarations of this package to need none of Drizzle's. */
  execute(query: unknown): PromiseLike<unknown>;
  transaction<Result>(
    work: (transaction: HostDrizzle) => Promise<Result>,
    options?: { isolationLevel?: "read committed" | "repeatable read" | "serializable"; accessMode?: "read only" },
  ): Promise<Result>;
}

/**
 * The host's own Drizzle instance, or a transaction of it: that is joined and never ended, and its client and pool are
 * left as they are. Statements are not prepared, that is the host's choice; a signal is heeded between them.
 */
export class DrizzleDriver implements SqlDriver {
  readonly description = "the host's Drizzle database";
  readonly #host: HostDrizzle;
  /** The host's transaction, with what was begun and has not ended within it. */
  readonly #joined: SqlTransaction | undefined;

  constructor(host: HostDrizzle) {
    this.#host = host;
    this.#joined = is(host, PgTransaction) ? OpenTransaction.join(connectionOf(host)) : undefined;
  }

  get isTransaction(): boolean {
    return this.#joined !== undefined;
  }

  async execute(text: string, parameters: readonly SqlParameter[], options?: CallOptions): Promise<SqlResult> {
    options?.signal?.throwIfAborted();
    const executor: SqlExecutor = this.#joined ?? connectionOf(this.#host);
    return executor.execute(text, parameters, options);
  }

  async transaction<Result>(
    work: (transaction: SqlTransaction) => Promise<Result>,
    options: TransactionOptions = {},
  ): Promise<Result> {
    const { isolationLevel, readOnly, signal } = options;
    const settings = localSettings(options);
    signal?.throwIfAborted();
    if (this.#joined !== undefined) {
      const isPlain = isolationLevel === undefined && readOnly === undefined && settings.length === 0;
      if (isPlain) return this.#joined.savepoint(work, { signal });
      throw new UnitOfWorkMisuseError("The transaction is the host's, and open already. Set its options there.");
    }
    const hostsOptions = {
      ...(isolationLevel !== undefined && { isolationLevel }),
      ...(readOnly === true && { accessMode: "read only" as const }),
    };
    const hasOptions = Object.keys(hostsOptions).length > 0;
    return inHostsTransaction(
      (within) => this.#host.transaction(within, ...(hasOptions ? [hostsOptions] : [])),
      async (host: HostDrizzle) => {
        const connection = connectionOf(host);
        for (const setting of settings) await connection.executeScript(setting);
        return OpenTransaction.within(connection, work, signal);
      },
      "unknown",
    );
  }

  /** Nothing to do: the connection is the host's. */
  async close(): Promise<void> {}
}

/** A host's connection: whether it is alive, the host finds out. */
function connectionOf(host: HostDrizzle): SqlConnection & SqlExecutor {
  return {
    isAlive: true,
    async execute(text: string, parameters: readonly SqlParameter[]) {
      return readResult(await run(host, toSql(text, parameters)));
    },
    async executeScript(text: string) {
      await run(host, sql.raw(text));
    },
    // Not by SQL of ours: postgres.js fails a transaction for good unless it set the savepoint itself.
    nested: (work) =>
      inHostsTransaction(
        (within) => host.transaction(within),
        (inner: HostDrizzle) => work(connectionOf(inner)),
        "rolled_back",
      ),
  };
}

async function run(host: HostDrizzle, query: SQL): Promise<unknown> {
  try {
    return await host.execute(query);
  } catch (error) {
    throw withCode(error);
  }
}

/** Our statements number their parameters in order, so their text can be cut at `$1`, `$2`, … */
function toSql(text: string, parameters: readonly SqlParameter[]): SQL {
  const chunks: SQLChunk[] = text
    .split(/\$\d+/)
    .flatMap((part, index) =>
      index < parameters.length ? [sql.raw(part), sql.param(parameters[index])] : [sql.raw(part)],
    );
  return sql.join(chunks);
}

/** Drizzle hands on what its driver answers: an array with a count, or an object with `rows` and a count. */
function readResult(answer: unknown): SqlResult {
  const facts: object = typeof answer === "object" && answer !== null ? answer : {};
  const list: unknown = Array.isArray(answer) ? answer : Reflect.get(facts, "rows");
  const rows: SqlRow[] = Array.isArray(list) ? list.map((row: object) => Object.values(row)) : [];
  const count: unknown =
    Reflect.get(facts, "rowCount") ?? (Reflect.get(facts, "affectedRows") || undefined) ?? Reflect.get(facts, "count");
  return { rows, count: typeof count === "number" ? count : rows.length };
}
