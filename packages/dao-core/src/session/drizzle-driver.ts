import { is, type SQL, type SQLChunk, sql } from "drizzle-orm";
import { PgTransaction } from "drizzle-orm/pg-core";
import type { CallOptions } from "../contract/call-options.ts";
import { UnitOfWorkMisuseError } from "../contract/errors.ts";
import type { TransactionOptions } from "./database-session.ts";
import type { SqlDriver, SqlParameter, SqlResult, SqlRow, SqlTransaction } from "./sql.ts";

/** What of a host's Drizzle database or transaction is used; any PostgreSQL driver's will do. */
export interface HostDrizzle {
  execute(query: SQL): PromiseLike<unknown>;
  transaction<Result>(
    work: (transaction: HostDrizzle) => Promise<Result>,
    options?: { isolationLevel?: "read committed" | "repeatable read" | "serializable"; accessMode?: "read only" },
  ): Promise<Result>;
}

/**
 * The host's own Drizzle instance: its transaction is joined and never ended, its client and pool are left as they are.
 * Statements are not prepared; that is the host's choice.
 */
export class DrizzleDriver implements SqlDriver, SqlTransaction {
  readonly description = "the host's Drizzle database";
  readonly commits: boolean;
  readonly #host: HostDrizzle;

  constructor(host: HostDrizzle) {
    this.#host = host;
    this.commits = !is(host, PgTransaction);
  }

  async execute(text: string, parameters: readonly SqlParameter[], options?: CallOptions): Promise<SqlResult> {
    options?.signal?.throwIfAborted();
    return readResult(await this.#host.execute(toSql(text, parameters)));
  }

  async executeScript(text: string): Promise<void> {
    await this.#host.execute(sql.raw(text));
  }

  savepoint<Result>(work: (transaction: SqlTransaction) => Promise<Result>, options?: CallOptions): Promise<Result> {
    return this.transaction(work, options);
  }

  async transaction<Result>(
    work: (transaction: SqlTransaction) => Promise<Result>,
    { isolationLevel, readOnly, statementTimeout, lockTimeout, signal }: TransactionOptions = {},
  ): Promise<Result> {
    if (statementTimeout !== undefined || lockTimeout !== undefined) {
      throw new UnitOfWorkMisuseError("A host's Drizzle connection has the host's time-outs. Leave them out here.");
    }
    signal?.throwIfAborted();
    const run = async (host: HostDrizzle) => {
      const result = await work(new DrizzleDriver(host));
      signal?.throwIfAborted();
      return result;
    };
    if (isolationLevel === undefined && readOnly !== true) return this.#host.transaction(run);
    return this.#host.transaction(run, {
      ...(isolationLevel !== undefined && { isolationLevel }),
      ...(readOnly === true && { accessMode: "read only" as const }),
    });
  }

  /** Nothing to do: the connection is the host's. */
  async close(): Promise<void> {}
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
