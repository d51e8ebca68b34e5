import { setTimeout as delay } from "node:timers/promises";
import type { PGlite } from "@electric-sql/pglite";
import type { CallOptions } from "../../contract/call-options.ts";
import { UnavailableError } from "../../contract/errors.ts";
import type { TransactionOptions } from "../../session/database-session.ts";
import {
  beginScript,
  type SqlConnection,
  type SqlDriver,
  type SqlParameter,
  type SqlResult,
  type SqlTransaction,
} from "../../session/driver.ts";
import { ImportLimit } from "../../session/import-limit.ts";
import * as limits from "../../session/limits.ts";
import { codedError, connectionClosed } from "../../session/postgres-errors.ts";
import { OpenTransaction } from "../../session/transaction/transaction.ts";
import { inCallersContext } from "../../session/transaction/transaction-context.ts";
import { throwIfAborted, withEitherSignal } from "../../session/waiting/deadline.ts";
import { giveTurn } from "../../session/waiting/event-loop.ts";
import { closedError, WaitingLine } from "../../session/waiting/waiting-line.ts";
import { takeFolder } from "./pglite-folder.ts";

/** How an embedded database is used. */
export interface PgliteDriverOptions {
  /** Milliseconds that a transaction, which blocks all other calls, may be idle. Default 60,000; 0 is no limit. */
  readonly idleInTransactionTimeout?: number | undefined;
}

/**
 * Opens embedded PostgreSQL (PGlite), which has one connection. A signal is respected between statements: none can be cancelled.
 * @param path where the data is kept; reserved for this process until `close`. Default: in memory
 * @throws UnavailableError if `@electric-sql/pglite` is not installed, or the folder is in use, or cannot be used;
 *   ValidationError for an option that is not a whole number of milliseconds
 */
export async function openPglite(path?: string, options: PgliteDriverOptions = {}): Promise<SqlDriver> {
  const idleTimeout = limits.milliseconds(
    "idleInTransactionTimeout",
    options.idleInTransactionTimeout ?? limits.DEFAULT_IDLE_IN_TRANSACTION_TIMEOUT,
  );
  // Not bundled: it is optional, and reads files of its package.
  const { PGlite } = await import(/* webpackIgnore: true */ "@electric-sql/pglite").catch((cause: unknown) => {
    const sentence =
      "The embedded database needs the package @electric-sql/pglite: install it, or use a postgres:// URL.";
    throw new UnavailableError(sentence, { cause });
  });
  const folder = path === undefined ? undefined : await takeFolder(path);
  const database = await PGlite.create(folder === undefined ? {} : { dataDir: folder.path }).catch(
    async (cause: unknown) => {
      await folder?.release();
      const sentence =
        `The embedded database in ${path ?? "memory"} cannot be opened. Is the folder one of its own, and whole? ` +
        "Restore it from a copy, or delete it if it never had data.";
      throw new UnavailableError(sentence, { cause });
    },
  );
  const description = path === undefined ? "PGlite in memory" : `PGlite in ${path}`;
  const connection = new PgliteConnection(database);
  const imports = new ImportLimit(() => 1, {
    acquireTimeout: limits.EMBEDDED_ACQUIRE_TIMEOUT,
    maxWaiting: Number.POSITIVE_INFINITY,
  });
  const line = new WaitingLine<"turn", void>(Number.POSITIVE_INFINITY, "callers wait for the embedded database");
  let running: Promise<unknown> | undefined;
  let closing: Promise<void> | undefined;
  return { description, isTransaction: false, probe: { execute: probe }, imports, execute, transaction, close };

  function execute(text: string, parameters: readonly SqlParameter[], options?: CallOptions): Promise<SqlResult> {
    return exclusive(() => connection.execute(text, parameters, options?.signal), options);
  }

  function probe(text: string, parameters: readonly SqlParameter[], options?: CallOptions): Promise<SqlResult> {
    const mustWait = running !== undefined && closing === undefined;
    if (!mustWait) return execute(text, parameters, options);
    return Promise.reject(codedError("53300", "The embedded database has one connection, which is in use."));
  }

  async function transaction<Result>(
    work: (transaction: SqlTransaction) => Promise<Result>,
    options: TransactionOptions = {},
  ): Promise<Result> {
    const { signal } = options;
    const begin = beginScript(options);
    return exclusive(() => OpenTransaction.run(connection, begin, work, signal, idleTimeout), options);
  }

  function close(timeout = limits.DEFAULT_CLOSE_TIMEOUT): Promise<void> {
    imports.close();
    closing ??= end(timeout);
    return closing;
  }

  async function end(timeout: number): Promise<void> {
    const done = line.empty().then(() => running?.catch(() => undefined));
    await Promise.race([done, delay(timeout, undefined, { ref: false })]);
    line.refuseAll(closedError());
    try {
      await connection.close();
    } finally {
      await folder?.release();
    }
  }

  /** Runs `work` after all earlier work, unless its caller has been aborted by then. */
  function exclusive<Result>(work: () => Promise<Result>, { signal, requester }: CallOptions = {}): Promise<Result> {
    if (closing !== undefined) return Promise.reject(closedError());
    if (running === undefined) return run(work, signal);
    return withEitherSignal(signal, requester?.signal, (either) => {
      // The work before it, perhaps in another transaction's callback, admits it.
      const start = inCallersContext(() => run(work, either));
      return line.wait("turn", start, limits.EMBEDDED_ACQUIRE_TIMEOUT, turnTimeoutError, either);
    });
  }

  async function run<Result>(work: () => Promise<Result>, signal: AbortSignal | undefined): Promise<Result> {
    const start = async () => {
      throwIfAborted(signal);
      return work();
    };
    const started = start();
    running = started;
    try {
      return await started;
    } finally {
      running = undefined;
      line.waiting[0]?.admit();
    }
  }
}

function turnTimeoutError(): UnavailableError {
  return new UnavailableError(
    `The embedded database, which has one connection, was busy for ${limits.EMBEDDED_ACQUIRE_TIMEOUT} ms. ` +
      "Inside a unit of work use the unit of work, not the database.",
  );
}

/** The only connection, and the transaction that runs on it, if any. */
class PgliteConnection implements SqlConnection {
  readonly #database: PGlite;
  isAlive = true;
  onLost: (() => void) | undefined;

  constructor(database: PGlite) {
    this.#database = database;
  }

  async execute(text: string, parameters: readonly SqlParameter[], signal?: AbortSignal): Promise<SqlResult> {
    await giveTurn();
    throwIfAborted(signal);
    return this.#run((database) => database.query<unknown[]>(text, [...parameters], { rowMode: "array" }));
  }

  async executeScript(text: string): Promise<undefined> {
    await giveTurn();
    await this.#run((database) => database.exec(text));
  }

  /** PGlite's error for a closed database has no code. */
  async #run<Result>(statement: (database: PGlite) => Promise<Result>): Promise<Result> {
    try {
      return await statement(this.#database);
    } catch (error) {
      throw this.isAlive ? error : connectionClosed(error);
    }
  }

  /** A transaction that is still open is lost. */
  async close(): Promise<void> {
    this.isAlive = false;
    this.onLost?.();
    await this.#database.close();
  }
}
