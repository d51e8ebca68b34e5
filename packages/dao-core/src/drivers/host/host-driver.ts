import { TransactionLostError } from "../../contract/errors.ts";
import type { TransactionOptions } from "../../session/database-session.ts";
import {
  type SqlDriver,
  type SqlParameter,
  type SqlResult,
  type SqlTransaction,
  type StatementOptions,
  transactionSettings,
} from "../../session/driver.ts";
import { type ImportLimit, importLimitOf } from "../../session/import-limit.ts";
import { OpenTransaction } from "../../session/transaction/transaction.ts";
import { throwIfAborted, untilAborted } from "../../session/waiting/deadline.ts";
import { giveTurn } from "../../session/waiting/event-loop.ts";
import type { HostClient } from "./host-client.ts";
import { codedError, HostConnection, runOn } from "./host-connection.ts";
import { HostLink } from "./host-link.ts";
import { inHostTransaction } from "./host-transaction.ts";
import { JoinedTransaction } from "./joined-transaction.ts";

/**
 * A driver on an application's own client, for {@link joinHost}. The client and its pool are left as they are, and are not
 * closed; statements are prepared or not as the client does it.
 *
 * A statement whose signal aborts is cancelled on the server, over another connection of the pool, and waited for a second
 * longer at most. For that a single one, unless it is a point query, runs in a transaction of its own. In a joined transaction
 * nothing is cancelled, unless the client has something {@link HostClient.beside | beside} it: what runs is waited for a second.
 *
 * ```ts
 * const driver = hostDriver({
 *   description: "our Kysely",
 *   handle: kysely,
 *   execute: async (db, text, values) => (await db.executeQuery(CompiledQuery.raw(text, values))).rows,
 *   transaction: (work) => kysely.transaction().execute(work),
 * });
 * ```
 */
export function hostDriver<Handle>(client: HostClient<Handle>): SqlDriver {
  const { transaction } = client;
  return transaction === undefined ? new JoinedTransaction(client) : new HostDriver(client, transaction);
}

/** An application's database or pool. */
class HostDriver<Handle> implements SqlDriver {
  readonly description: string;
  readonly isTransaction = false;
  readonly imports: ImportLimit;
  readonly #client: HostClient<Handle>;
  readonly #begin: NonNullable<HostClient<Handle>["transaction"]>;

  constructor(client: HostClient<Handle>, begin: NonNullable<HostClient<Handle>["transaction"]>) {
    this.description = client.description;
    this.imports = importLimitOf(Object(client.pool ?? client.handle), client.poolSize);
    this.#client = client;
    this.#begin = begin;
  }

  async execute(text: string, parameters: readonly SqlParameter[], options: StatementOptions = {}): Promise<SqlResult> {
    const { signal, kind } = options;
    throwIfAborted(signal);
    const run = () => runOn(this.#client, this.#client.handle, text, parameters);
    if (signal === undefined) return run();
    if (kind === "point") return untilAborted(run(), signal);
    try {
      return await this.transaction((transaction) => transaction.execute(text, parameters), { signal });
    } catch (error) {
      // The caller ran a statement, not a transaction.
      throw error instanceof TransactionLostError ? (error.cause ?? error) : error;
    }
  }

  async transaction<Result>(
    work: (transaction: SqlTransaction) => Promise<Result>,
    options: TransactionOptions = {},
  ): Promise<Result> {
    const { signal } = options;
    const settings = transactionSettings(options);
    await giveTurn();
    throwIfAborted(signal);
    const client = this.#client;
    const link = new HostLink();
    let stopListening: () => void = () => undefined;
    const within = async (handle: Handle) => {
      stopListening = link.listen(await client.connectionOf?.(handle));
      const connection = new HostConnection(client, handle, link);
      for (const setting of settings) await connection.executeScript(setting);
      return OpenTransaction.within(connection, work, signal);
    };
    try {
      const coded = (error: unknown) => codedError(client, error);
      return await inHostTransaction((run) => this.#begin(run), within, { signal, link, coded });
    } finally {
      // Not until the client has returned its connection: then its pool listens.
      stopListening();
    }
  }

  /** Nothing to do: the pool is the application's. */
  async close(): Promise<void> {}
}
