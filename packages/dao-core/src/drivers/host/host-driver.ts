import { setTimeout as delay } from "node:timers/promises";
import { TransactionLostError, UnitOfWorkMisuseError } from "../../contract/errors.ts";
import type { TransactionOptions } from "../../session/database-session.ts";
import { type SqlDriver, type SqlResult, transactionSettings } from "../../session/driver.ts";
import { importLimitOf } from "../../session/import-limit.ts";
import { ABORT_GRACE, CANCEL_INTERVAL, RECENTLY_OPENED } from "../../session/limits.ts";
import { databaseErrorFacts, isReadOnlyError } from "../../session/postgres-errors.ts";
import { OpenTransaction } from "../../session/transaction/transaction.ts";
import { throwIfAborted, untilAborted } from "../../session/waiting/deadline.ts";
import { giveTurn } from "../../session/waiting/event-loop.ts";
import { driverError, type HostClient, HostConnection, runOn } from "./host-connection.ts";
import { HostLink, inHostTransaction, mayHaveFailed } from "./host-transaction.ts";

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
  /** Runs `work` in a transaction that the client begins. */
  const within = async <Result>(
    work: (connection: HostConnection<Handle>) => Promise<Result>,
    { signal, readOnly }: TransactionOptions = {},
  ): Promise<Result> => {
    const link = new HostLink();
    let stopListening = () => {};
    const listening = async (own: Handle) => {
      const connection = await connectionOf?.(own);
      stopListening = link.listen(connection);
      const hosted = new HostConnection(client, own, link);
      const result = await work(hosted);
      // The client would commit, which rolls back then, and report success; in such a transaction any statement fails.
      if (mayHaveFailed(connection)) await hosted.executeScript("select 1");
      return result;
    };
    try {
      return await inHostTransaction(begin, listening, link, (error) => driverError(client, error), signal);
    } finally {
      // Not before the client has returned its connection: from then on its pool listens.
      stopListening();
      if (link.isReadOnly && readOnly !== true) replaceConnections();
    }
  };
  const endSession: EndSession = async (ending) => {
    // Nothing may listen for the loss, of which `pg` then ends the process.
    if (connectionOf === undefined) return "failed";
    let outcome: SessionOutcome = "failed";
    await within(async (connection) => {
      // While it is idle: if it ended during a statement, postgres.js would fail the next one, too.
      const text = ending("set_config('idle_in_transaction_session_timeout', '1', true)");
      outcome = outcomeOf(await connection.execute(text, []));
      if (outcome !== "ended") return;
      const lost = new Promise<void>((resolve) => {
        connection.onLost = resolve;
      });
      await Promise.race([lost, delay(ABORT_GRACE, undefined, { ref: false })]);
      if (!connection.isAlive) throw connection.lossCause;
      outcome = "failed";
    }).catch(() => undefined);
    return outcome;
  };
  const replaceConnections = replacesReadOnlySessions(endSession);
  const transaction: SqlDriver["transaction"] = async (work, options = {}) => {
    const settings = transactionSettings(options);
    await giveTurn();
    throwIfAborted(options.signal);
    return within(async (connection) => {
      for (const setting of settings) await connection.executeScript(setting);
      return OpenTransaction.within(connection, work, options.signal);
    }, options);
  };
  const execute: SqlDriver["execute"] = async (text, parameters, { signal, kind } = {}) => {
    throwIfAborted(signal);
    const run = () =>
      runOn(client, handle, text, parameters).catch((error: unknown) => {
        if (isReadOnlyError(error)) replaceConnections();
        throw error;
      });
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
  return { description, isTransaction: false, imports, execute, transaction, replaceConnections, close };
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

/** What became of a session; its process id if it stays. */
type SessionOutcome = "ended" | "failed" | { readonly pid: unknown };

/**
 * Ends the session of a free connection, if it is to be ended.
 * @param ending returns the statement that calls a function of SQL if so; {@link outcomeOf} reads its result
 */
type EndSession = (ending: (call: string) => string) => Promise<SessionOutcome>;

/**
 * Returns what ends the sessions of an application's pool on a read-only server, so that the pool opens others: after a failover they
 * may lead to another server. Those younger than a second stay, since the next would be no better.
 */
export function replacesReadOnlySessions(endSession: EndSession): () => void {
  let isReplacing = false;
  return () => {
    if (isReplacing) return;
    isReplacing = true;
    void replaceAll(endSession).finally(() => {
      isReplacing = false;
    });
  };
}

/** Each round gets any free connection, until it is one that stays for the second time. */
async function replaceAll(endSession: EndSession): Promise<void> {
  const begun = performance.now();
  const staying = new Set<unknown>();
  for (;;) {
    const age = Math.ceil(RECENTLY_OPENED + performance.now() - begun);
    // PGlite's only session is no client backend.
    const outcome = await endSession(
      (
        call,
      ) => `select pid, case when backend_type = 'client backend' and current_setting('transaction_read_only') = 'on'
        and backend_start < clock_timestamp() - interval '${age} ms' then ${call} is not null end as is_ended
      from pg_stat_activity where pid = pg_backend_pid()`,
    );
    if (outcome === "failed") return;
    if (outcome === "ended") continue;
    if (staying.has(outcome.pid)) return;
    staying.add(outcome.pid);
  }
}

function outcomeOf({ rows }: SqlResult): SessionOutcome {
  const [pid, isEnded] = rows[0] ?? [];
  return isEnded === true ? "ended" : { pid };
}

/** Ends the session by a statement, as every role may its own. */
export async function terminateSession(
  run: (text: string) => Promise<SqlResult>,
  ending: Parameters<EndSession>[0],
): Promise<SessionOutcome> {
  try {
    return outcomeOf(await run(ending("pg_terminate_backend(pid)")));
  } catch (error) {
    if (databaseErrorFacts(error)?.code !== "57P01") return "failed";
    // Until its socket closes, the pool may hand out the connection again, which then has no `error` listener.
    await delay(CANCEL_INTERVAL, undefined, { ref: false });
    return "ended";
  }
}
