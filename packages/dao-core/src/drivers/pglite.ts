import { setTimeout as delay } from "node:timers/promises";
import type { PGlite, Transaction } from "@electric-sql/pglite";
import type { CallOptions } from "../contract/call-options.ts";
import { UnavailableError } from "../contract/errors.ts";
import { beginScript } from "../session/begin.ts";
import type { TransactionOptions } from "../session/database-session.ts";
import type { SqlDriver, SqlExecutor, SqlParameter, SqlResult, SqlTransaction } from "../session/driver.ts";
import { onGivenUp } from "../session/given-up.ts";
import { OpenTransaction, type SqlConnection } from "../session/transaction.ts";

const identity = <Value>(value: Value): Value => value;

/** As for postgres.js: instants and JSON stay text until a row mapper reads them. */
const parsers = { 114: identity, 1082: identity, 1114: identity, 1184: identity, 3802: identity };
const queryOptions = { rowMode: "array", parsers } as const;

/** Milliseconds that a call waits for those before it. */
const TURN_TIMEOUT = 30_000;

/**
 * Embedded PostgreSQL (PGlite): one connection in this process, so one statement or one transaction at a time. A signal
 * is heeded between statements; PGlite cannot cancel one that runs.
 */
export class PgliteDriver implements SqlDriver {
  readonly description: string;
  readonly isTransaction = false;
  readonly #database: PGlite;
  readonly probe: SqlExecutor = { execute: (...statement) => this.#probe(...statement) };
  #tail: Promise<unknown> = Promise.resolve();
  #inLine = 0;
  #isClosed = false;

  private constructor(database: PGlite, description: string) {
    this.#database = database;
    this.description = description;
  }

  /**
   * @param folder where the data is kept; default: in memory
   * @throws UnavailableError if `@electric-sql/pglite` is not installed, or the folder cannot be used
   */
  static async open(folder?: string): Promise<PgliteDriver> {
    const { PGlite } = await import("@electric-sql/pglite").catch((cause: unknown) => {
      const sentence =
        "The embedded database needs the package @electric-sql/pglite: install it, or use a postgres:// URL.";
      throw new UnavailableError(sentence, { cause });
    });
    const database = await PGlite.create(folder === undefined ? {} : { dataDir: folder }).catch((cause: unknown) => {
      const sentence = `The embedded database at ${folder ?? "memory://"} cannot be opened. Is the folder writable and not in use?`;
      throw new UnavailableError(sentence, { cause });
    });
    return new PgliteDriver(database, folder === undefined ? "PGlite in memory" : `PGlite in ${folder}`);
  }

  execute(text: string, parameters: readonly SqlParameter[], options?: CallOptions): Promise<SqlResult> {
    return this.#exclusive(() => connectionOf(this.#database).execute(text, parameters), options?.signal);
  }

  #probe(text: string, parameters: readonly SqlParameter[], options?: CallOptions): Promise<SqlResult> {
    return this.#inLine === 0 ? this.execute(text, parameters, options) : Promise.reject(noRoomError());
  }

  async transaction<Result>(
    work: (transaction: SqlTransaction) => Promise<Result>,
    options: TransactionOptions = {},
  ): Promise<Result> {
    const { signal } = options;
    const begin = beginScript(options);
    const connection = connectionOf(this.#database);
    return this.#exclusive(() => OpenTransaction.run(connection, begin, work, signal), signal);
  }

  async close(timeout = 5_000): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await Promise.race([this.#tail, delay(timeout, undefined, { ref: false })]);
    await this.#database.close();
  }

  /** Runs `work` when all work before it is done; a caller that gave up by then is passed over. */
  #exclusive<Result>(work: () => Promise<Result>, signal: AbortSignal | undefined): Promise<Result> {
    if (this.#isClosed) return Promise.reject(new UnavailableError("The database was closed. Open it again first."));
    if (signal?.aborted) return Promise.reject(signal.reason);
    return new Promise((resolve, reject) => {
      let hasGivenUp = false;
      const leaveQueue = onGivenUp(TURN_TIMEOUT, signal, (reason) => {
        hasGivenUp = true;
        reject(reason ?? turnTimeoutError());
      });
      this.#inLine++;
      this.#tail = this.#tail.then(async () => {
        if (!hasGivenUp) {
          leaveQueue();
          await work().then(resolve, reject);
        }
        this.#inLine--;
      });
    });
  }
}

function noRoomError(): Error {
  return Object.assign(new Error("The embedded database has one connection, which is in use."), { code: "53300" });
}

function turnTimeoutError(): UnavailableError {
  return new UnavailableError(
    `The embedded database, which has one connection, was busy for ${TURN_TIMEOUT} ms. ` +
      "Inside a unit of work use the unit of work, not the database.",
  );
}

function connectionOf(database: Pick<Transaction, "query" | "exec">): SqlConnection {
  return {
    isAlive: true,
    async execute(text, parameters) {
      const result = await database.query<unknown[]>(text, [...parameters], queryOptions);
      return { rows: result.rows, count: result.affectedRows || result.rows.length };
    },
    async executeScript(text) {
      await database.exec(text);
    },
  };
}
