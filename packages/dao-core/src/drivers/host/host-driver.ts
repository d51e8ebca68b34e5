import { TransactionLostError, UnitOfWorkMisuseError } from "../../contract/errors.ts";
import { type SqlDriver, transactionSettings } from "../../session/driver.ts";
import { importLimitOf } from "../../session/import-limit.ts";
import { OpenTransaction } from "../../session/transaction/transaction.ts";
import { throwIfAborted, untilAborted } from "../../session/waiting/deadline.ts";
import { giveTurn } from "../../session/waiting/event-loop.ts";
import { driverError, type HostClient, HostConnection, runOn } from "./host-connection.ts";
import { HostLink, inHostTransaction } from "./host-transaction.ts";

/**
 * A driver on an application's own client, for {@link joinHost}. The client and its pool are neither changed nor closed; the
 * client decides whether statements are prepared.
 *
 * A statement whose signal aborts is cancelled on the server, over another connection of the pool, and has one more second to
 * settle. For that, a single statement other than a point query runs in a transaction of its own. In a joined transaction nothing
 * is cancelled unless the client has a handle {@link HostClient.beside | beside} it.
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
  return client.transaction === undefined ? transactionDriver(client) : databaseDriver(client, client.transaction);
}

/** The application owns the client and closes it. */
const close = async () => {};

function databaseDriver<Handle>(
  client: HostClient<Handle>,
  begin: NonNullable<HostClient<Handle>["transaction"]>,
): SqlDriver {
  const { description, handle, pool = handle, poolSize, connectionOf } = client;
  const transaction: SqlDriver["transaction"] = async (work, options = {}) => {
    const { signal } = options;
    const settings = transactionSettings(options);
    await giveTurn();
    throwIfAborted(signal);
    const link = new HostLink();
    let stopListening = () => {};
    const within = async (own: Handle) => {
      stopListening = link.listen(await connectionOf?.(own));
      const connection = new HostConnection(client, own, link);
      for (const setting of settings) await connection.executeScript(setting);
      return OpenTransaction.within(connection, work, signal);
    };
    try {
      return await inHostTransaction(begin, within, link, (error) => driverError(client, error), signal);
    } finally {
      // Not before the client has returned its connection: from then on its pool listens.
      stopListening();
    }
  };
  const execute: SqlDriver["execute"] = async (text, parameters, { signal, kind } = {}) => {
    throwIfAborted(signal);
    const run = () => runOn(client, handle, text, parameters);
    if (signal === undefined) return run();
    if (kind === "point") return untilAborted(run(), signal);
    try {
      return await transaction((own) => own.execute(text, parameters), { signal });
    } catch (error) {
      // The caller ran a statement, not a transaction.
      throw error instanceof TransactionLostError ? (error.cause ?? error) : error;
    }
  };
  const imports = importLimitOf(Object(pool), poolSize);
  return { description, isTransaction: false, imports, execute, transaction, close };
}

/** A transaction that the application has begun and will end: units of work are savepoints in it. */
function transactionDriver<Handle>(client: HostClient<Handle>): SqlDriver {
  const { description, handle, connectionOf } = client;
  const link = new HostLink();
  const joined = OpenTransaction.join(new HostConnection(client, handle, link));
  return {
    description,
    isTransaction: true,
    execute: (text, parameters, options) => joined.execute(text, parameters, options),
    async transaction(work, options = {}) {
      const { signal, readOnly } = options;
      if (readOnly !== undefined || transactionSettings(options).length > 0) {
        const sentence = "The transaction is the application's, and open already. Set its options there.";
        throw new UnitOfWorkMisuseError(sentence);
      }
      await giveTurn();
      throwIfAborted(signal);
      const stopListening = link.listen(await connectionOf?.(handle));
      try {
        return await joined.savepoint(work, { signal });
      } finally {
        stopListening();
      }
    },
    close,
  };
}
