import { EventEmitter } from "node:events";
import { type SQL, type SQLChunk, sql } from "drizzle-orm";
import type { SqlParameter, SqlResult, SqlRow } from "../session/driver.ts";
import { isLossError, withCode } from "../session/postgres-errors.ts";
import { inHostsTransaction } from "../session/transaction/host-transaction.ts";
import { ABORT_GRACE } from "../session/transaction/interruption.ts";
import type { SqlConnection } from "../session/transaction/transaction-connection.ts";
import { onAbort, throwIfAborted } from "../session/waiting/abort-signal.ts";
import { giveTurn } from "../session/waiting/event-loop.ts";

/** What of a host's Drizzle database or transaction is used; any PostgreSQL driver's will do. */
export interface HostDrizzle {
  /** Is given an `SQL` of Drizzle; not typed so, for the declarations of this package to need none of Drizzle's. */
  execute(query: unknown): PromiseLike<unknown>;
  transaction<Result>(
    work: (transaction: HostDrizzle) => Promise<Result>,
    options?: { isolationLevel?: "read committed" | "repeatable read" | "serializable"; accessMode?: "read only" },
  ): Promise<Result>;
}

/** Whether the connection of a host's transaction is there, as far as its client or its statements tell. */
export class DrizzleLink {
  #loss: { readonly cause: unknown } | undefined;
  #onLost: (() => void) | undefined;

  get isAlive(): boolean {
    return this.#loss === undefined;
  }

  get lossCause(): unknown {
    return this.#loss?.cause;
  }

  onLost(listener: (() => void) | undefined): void {
    this.#onLost = listener;
  }

  lose(cause: unknown): void {
    if (this.#loss !== undefined) return;
    this.#loss = { cause };
    this.#onLost?.();
  }

  /**
   * Hears of the loss from `pg`, whose client says it by an event, and ends the process where nobody listens: in a
   * transaction not even its pool does.
   * @returns stops listening
   */
  listen(host: HostDrizzle): () => void {
    const client = clientOf(host);
    if (!(client instanceof EventEmitter)) return () => undefined;
    const lose = (error: unknown) => this.lose(error);
    client.on("error", lose);
    return () => {
      // A lost one tells of it twice, and its pool drops it.
      if (this.isAlive) client.removeListener("error", lose);
    };
  }
}

/** The pool, or the one connection, that an application's Drizzle runs on. */
export function clientOf(host: HostDrizzle): unknown {
  return Reflect.get(Object(Reflect.get(host, "session")), "client");
}

/** A host's database or transaction, as what statements run on. */
export class DrizzleConnection implements SqlConnection {
  readonly #host: HostDrizzle;
  readonly #link: DrizzleLink;

  constructor(host: HostDrizzle, link = new DrizzleLink()) {
    this.#host = host;
    this.#link = link;
  }

  get isAlive(): boolean {
    return this.#link.isAlive;
  }

  get lossCause(): unknown {
    return this.#link.lossCause;
  }

  onLost(listener: (() => void) | undefined): void {
    this.#link.onLost(listener);
  }

  async execute(text: string, parameters: readonly SqlParameter[], signal?: AbortSignal): Promise<SqlResult> {
    // The application's database may be in this process.
    await giveTurn();
    throwIfAborted(signal);
    const answer = this.#run(toSql(text, parameters));
    return readResult(await (signal === undefined ? answer : this.#waitWhile(answer, signal)));
  }

  async executeScript(text: string): Promise<void> {
    await giveTurn();
    await this.#run(sql.raw(text));
  }

  /** Not by SQL of ours: postgres.js fails a transaction for good unless it set the savepoint itself. */
  readonly nested = async <Result>(work: (connection: SqlConnection) => Promise<Result>): Promise<Result> => {
    await giveTurn();
    return inHostsTransaction(
      (within) => this.#host.transaction(within),
      (inner: HostDrizzle) => work(new DrizzleConnection(inner, this.#link)),
      { isSavepoint: true, link: this.#link },
    );
  };

  /**
   * Waits for a statement, which cannot be cancelled; after an abort {@link ABORT_GRACE} longer. The connection of one that has
   * not settled by then counts as lost: nothing behind it would be answered.
   */
  #waitWhile(answer: Promise<unknown>, signal: AbortSignal): Promise<unknown> {
    return new Promise((resolve, reject) => {
      let grace: NodeJS.Timeout | undefined;
      const giveUp = () => {
        this.#link.lose(signal.reason);
        reject(signal.reason);
      };
      const stopListening = onAbort(signal, () => {
        grace = setTimeout(giveUp, ABORT_GRACE);
      });
      const settled = answer.finally(() => {
        stopListening();
        clearTimeout(grace);
      });
      settled.then(resolve, reject);
    });
  }

  async #run(query: SQL): Promise<unknown> {
    try {
      return await this.#host.execute(query);
    } catch (error) {
      const coded = withCode(error);
      if (isLossError(coded)) this.#link.lose(coded);
      throw coded;
    }
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
