import { setTimeout as delay } from "node:timers/promises";
import type { PGlite, Transaction } from "@electric-sql/pglite";
import type { CallOptions } from "../contract/call-options.ts";
import { UnavailableError } from "../contract/errors.ts";
import { beginScript } from "../session/begin.ts";
import type { TransactionOptions } from "../session/database-session.ts";
import type { SqlDriver, SqlParameter, SqlResult, SqlTransaction } from "../session/driver.ts";
import { onGivenUp } from "../session/given-up.ts";
import { OpenTransaction, type SqlConnection } from "../session/transaction.ts";
import { type EmbeddedFolder, takeFolder } from "./pglite-folder.ts";

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
  readonly #folder: EmbeddedFolder | undefined;
  #tail: Promise<unknown> = Promise.resolve();
  #isClosed = false;

  private constructor(database: PGlite, description: string, folder: EmbeddedFolder | undefined) {
    this.#database = database;
    this.description = description;
    this.#folder = folder;
  }

  /**
   * @param folder where the data is kept, which is this process's alone until it is closed; default: in memory
   * @throws UnavailableError if `@electric-sql/pglite` is not installed, or the folder is in use, or cannot be used
   */
  static async open(folder?: string): Promise<PgliteDriver> {
    const { PGlite } = await import("@electric-sql/pglite").catch((cause: unknown) => {
      const sentence =
        "The embedded database needs the package @electric-sql/pglite: install it, or use a postgres:// URL.";
      throw new UnavailableError(sentence, { cause });
    });
    const taken = folder === undefined ? undefined : await takeFolder(folder);
    const database = await PGlite.create(taken === undefined ? {} : { dataDir: taken.path }).catch(
      async (cause: unknown) => {
        await taken?.release();
        const sentence = `The embedded database in ${folder ?? "memory"} cannot be opened. Is the folder one of its own, and whole?`;
        throw new UnavailableError(sentence, { cause });
      },
    );
    return new PgliteDriver(database, folder === undefined ? "PGlite in memory" : `PGlite in ${folder}`, taken);
  }

  execute(text: string, parameters: readonly SqlParameter[], options?: CallOptions): Promise<SqlResult> {
    return this.#exclusive(() => connectionOf(this.#database).execute(text, parameters), options?.signal);
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
    try {
      await this.#database.close();
    } finally {
      await this.#folder?.release();
    }
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
      this.#tail = this.#tail.then(async () => {
        if (hasGivenUp) return;
        leaveQueue();
        await work().then(resolve, reject);
      });
    });
  }
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
