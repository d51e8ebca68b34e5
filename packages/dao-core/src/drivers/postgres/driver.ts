import { setTimeout as delay } from "node:timers/promises";
import {
  type DatabaseAddress,
  nameOf,
  type PostgresLocation,
  type ServerAddress,
} from "../../connection-string/database-url.ts";
import { socketPath } from "../../connection-string/servers.ts";
import type { Requester } from "../../contract/call-options.ts";
import { UnavailableError } from "../../contract/errors.ts";
import type { TransactionOptions } from "../../session/database-session.ts";
import {
  beginScript,
  type SqlDriver,
  type SqlParameter,
  type SqlResult,
  type SqlTransaction,
  type StatementKind,
  type StatementOptions,
} from "../../session/driver.ts";
import { ImportLimit, quarterOf } from "../../session/import-limit.ts";
import {
  DEFAULT_CLOSE_TIMEOUT,
  KEEP_ALIVE,
  LOST_STATEMENTS_INTERVAL,
  PROBE_PATIENCE,
  RECENTLY_OPENED,
} from "../../session/limits.ts";
import { databaseErrorFacts, isStaleStatement, staleStatement } from "../../session/postgres-errors.ts";
import { OpenTransaction } from "../../session/transaction/transaction.ts";
import { withEitherSignal } from "../../session/waiting/deadline.ts";
import { type ConnectionEvents, type ConnectionSettings, PostgresConnection } from "./connection.ts";
import {
  type PostgresDriverOptions,
  readNumbers,
  responseTimeout,
  sessionScript,
  sessionSettings,
  withoutUndefined,
} from "./driver-options.ts";
import { openSocket, type SocketOptions } from "./open-socket.ts";
import { ConnectionPool } from "./pool/connection-pool.ts";
import { type Candidate, serverSearch } from "./server-search.ts";

export type PostgresDriver = ReturnType<typeof postgresDriver>;

/**
 * PostgreSQL by postgres.js: single statements pipelined over shared connections, each transaction on one of its own. Opens no
 * connection yet.
 * @throws ValidationError for an option that is not a whole number within its bounds
 */
export function postgresDriver(location: PostgresLocation, options: PostgresDriverOptions = {}) {
  const given = { ...location.options, ...withoutUndefined(options) };
  const { prepare = true, applicationName = "flux-dao" } = given;
  const numbers = readNumbers(given);
  const { user, password, database, parameters, targetSession } = location;
  // Behind a pooler nothing is set, since the next statement may run on another connection.
  const scriptOf = (limits: Parameters<typeof sessionScript>[0]) =>
    sessionScript(prepare ? limits : undefined, targetSession);
  const unlimited: StatementLimits = { responseTimeout: 0, script: scriptOf({ statementTimeout: 0, lockTimeout: 0 }) };
  const settings = {
    login: { user, password, database },
    // How instants are written, since a database or role may differ. Transaction-pooling proxies track these parameters.
    parameters: {
      application_name: applicationName,
      DateStyle: "ISO",
      TimeZone: "UTC",
      ...(prepare ? {} : sessionSettings(location.options)),
      ...parameters,
    },
    prepare,
    pipelines: prepare && numbers.pipelineDepth > 1,
    responseTimeout: responseTimeout(numbers.statementTimeout),
    script: scriptOf(numbers),
  };
  /** For a transaction without a running statement, if the server sets no limit. */
  const idleTimeout = prepare ? 0 : numbers.idleInTransactionTimeout;
  let address: DatabaseAddress = { ...location.servers[0], database };
  /** The connection on which a prepared statement was last lost, and when. */
  let statementLoss: { readonly connection: PostgresConnection; readonly at: number } | undefined;
  let lostConnections = 0;
  let generation = 0;
  let isClosed = false;
  const servers = serverSearch(location, numbers.connectTimeout, () => {
    lostConnections++;
    // All connections that are open lead to the server from before: a primary that is none any more, or a standby that has come
    // further, or less far, than the new one.
    pool.replaceOpenedBefore(performance.now());
  });
  const events: ConnectionEvents = {
    onLost(connection, reason) {
      lostConnections++;
      pool.lost(connection, reason);
    },
    onRefused,
  };
  const pool: ConnectionPool<PostgresConnection> = new ConnectionPool((signal) => open(events, signal), numbers);
  const imports = new ImportLimit(() => numbers.maxImports || quarterOf(pool.usage.size), numbers);
  return {
    isTransaction: false,
    balancesLoad: location.balancesLoad,
    get lostConnections(): number {
      return lostConnections;
    },
    /** Of several servers it names the one that was found last. */
    get description(): string {
      const { found } = servers;
      const isOnly = location.servers.length === 1 || found === undefined;
      return isOnly ? location.description : `PostgreSQL at ${nameOf(found)}/${database}`;
    },
    /** Of the server that was found last. The same object as long as that is the same. */
    get address(): DatabaseAddress {
      const { host, port } = servers.found ?? address;
      if (host !== address.host || port !== address.port) address = { ...address, host, port };
      return address;
    },
    pool,
    imports,
    probe: {
      execute(text: string, parameters: readonly SqlParameter[], { signal }: StatementOptions = {}) {
        const over = new AbortController();
        const run = (either: AbortSignal) => probe(text, parameters, either).finally(() => over.abort());
        return withEitherSignal(signal, over.signal, run);
      },
    },
    execute,
    executeAlone: (text: string, signal?: AbortSignal): Promise<SqlResult> =>
      executeOnExtra(text, [], signal ?? new AbortController().signal, unlimited),
    transaction,
    replaceConnections,
    close(timeout = DEFAULT_CLOSE_TIMEOUT): Promise<void> {
      isClosed = true;
      imports.close();
      return pool.close(timeout);
    },
  } satisfies SqlDriver;

  function execute(
    text: string,
    parameters: readonly SqlParameter[],
    { signal, kind = "write", requester }: StatementOptions = {},
  ): Promise<SqlResult> {
    if (signal !== undefined) return executeAbortable(text, parameters, { signal, requester });
    return share(kind, text, parameters, requester);
  }

  function transaction<Result>(
    work: (transaction: SqlTransaction) => Promise<Result>,
    options: TransactionOptions = {},
  ): Promise<Result> {
    const { signal, requester, statementTimeout, readOnly = false } = options;
    signal?.throwIfAborted();
    const begin = beginScript(options);
    const limit = statementTimeout === undefined ? settings.responseTimeout : responseTimeout(statementTimeout);
    return pool.exclusive(
      (connection) => {
        connection.beginTransaction(readOnly, limit);
        return OpenTransaction.run(connection, begin, work, signal, idleTimeout);
      },
      { signal, requester },
    );
  }

  function replaceConnections(server?: Candidate): void {
    servers.distrust(server);
    pool.replaceOpenedBefore(performance.now() - RECENTLY_OPENED);
  }

  function open(events: ConnectionEvents, signal: AbortSignal, limits?: StatementLimits): Promise<PostgresConnection> {
    const openOn = (server: Candidate, connectTimeout: number) => {
      const openAt = (ended?: AbortSignal, address = server.address) =>
        openSocket({ ...endpointOf(location, server, address), connectTimeout, signal: ended });
      const own = { server, connectTimeout, openSocket: openAt, generation };
      return PostgresConnection.open({ ...settings, ...limits, ...own }, events, signal);
    };
    return servers.find(openOn, signal);
  }

  function share(
    kind: StatementKind,
    text: string,
    parameters: readonly SqlParameter[],
    requester?: Requester,
    isRerun = false,
  ): Promise<SqlResult> {
    const rerun = () => share(kind, text, parameters, undefined, true);
    const run = (connection: PostgresConnection) => connection.execute(text, parameters, undefined, rerun);
    return pool.shared(kind, run, requester, isRerun);
  }

  /** Runs a statement on a connection of the pool and, if none is free soon, also on an extra one; the first result counts. */
  async function probe(text: string, parameters: readonly SqlParameter[], signal: AbortSignal): Promise<SqlResult> {
    const pooled = execute(text, parameters, { signal });
    // A full or slow queue says nothing about the server.
    const hasEnded = pooled.then(
      () => true,
      (error: unknown) => isClosed || !(error instanceof UnavailableError),
    );
    if (await Promise.race([hasEnded, delay(PROBE_PATIENCE, false, { ref: false })])) return pooled;
    const extra = executeOnExtra(text, parameters, signal);
    return Promise.race([pooled.catch(() => extra), extra]);
  }

  async function executeOnExtra(
    text: string,
    parameters: readonly SqlParameter[],
    signal: AbortSignal,
    limits?: StatementLimits,
  ): Promise<SqlResult> {
    // No pool to notify.
    const events: ConnectionEvents = { onLost: () => undefined, onRefused: (_, error) => error };
    const connection = await open(events, signal, limits);
    try {
      return await connection.execute(text, parameters, signal);
    } finally {
      void connection.close();
    }
  }

  /** A cancelled statement discards its connection, so it gets one of its own. */
  async function executeAbortable(
    text: string,
    parameters: readonly SqlParameter[],
    options: Pick<StatementOptions, "requester"> & { readonly signal: AbortSignal },
  ): Promise<SqlResult> {
    const { signal } = options;
    for (;;) {
      signal.throwIfAborted();
      try {
        return await pool.exclusive((connection) => connection.execute(text, parameters, signal), options);
      } catch (error) {
        if (!isStaleStatement(error)) throw error;
      }
    }
  }

  function onRefused(connection: PostgresConnection, error: unknown): unknown {
    switch (databaseErrorFacts(error)?.code) {
      case "25006":
        // A new connection may lead to the new primary; others of that age lead to the same server.
        replaceConnections(connection.server);
        return error;
      case "26000": {
        const last = statementLoss;
        statementLoss = { connection, at: performance.now() };
        const isRepeated = last !== undefined && last.connection !== connection;
        return isRepeated && performance.now() - last.at < LOST_STATEMENTS_INTERVAL ? error : staleStatement(error);
      }
      default:
        // A table was altered, and every connection may have stale plans, also those that a pooler keeps.
        if (connection.generation === generation) generation++;
        pool.replaceOpenedBefore(performance.now());
        return staleStatement(error);
    }
  }
}

type StatementLimits = Pick<ConnectionSettings, "responseTimeout" | "script">;

/** Where and how to connect: the host may be the folder of a Unix socket, and its name have been looked up. */
function endpointOf(
  { tls, keepAlive = KEEP_ALIVE }: PostgresLocation,
  { host, port }: ServerAddress,
  address = host,
): Omit<SocketOptions, "connectTimeout"> {
  const path = host.startsWith("/") ? socketPath(host, port) : undefined;
  return { host: address, port, path, servername: host, tls, keepAlive };
}
