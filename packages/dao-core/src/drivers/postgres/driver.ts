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
  type SqlExecutor,
  type SqlParameter,
  type SqlResult,
  type SqlTransaction,
  type StatementKind,
  type StatementOptions,
} from "../../session/driver.ts";
import { ImportLimit, quarterOf } from "../../session/import-limit.ts";
import type { InstrumentedPool } from "../../session/instrumentation.ts";
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
import { type Candidate, type ServerSearch, serverSearch } from "./server-search.ts";

/** PostgreSQL by postgres.js: single statements pipelined over shared connections, each transaction on one of its own. */
export class PostgresDriver implements SqlDriver {
  readonly isTransaction = false;
  readonly probe: SqlExecutor = {
    execute: (text, parameters, { signal } = {}) => {
      const over = new AbortController();
      const run = (either: AbortSignal) => this.#probe(text, parameters, either).finally(() => over.abort());
      return withEitherSignal(signal, over.signal, run);
    },
  };
  readonly imports: ImportLimit;
  readonly #pool: ConnectionPool<PostgresConnection>;
  readonly #location: PostgresLocation;
  readonly #servers: ServerSearch;
  readonly #settings: Omit<ConnectionSettings, "server" | "connectTimeout" | "openSocket" | "generation">;
  readonly #unlimited: Pick<ConnectionSettings, "responseTimeout" | "script">;
  #address: DatabaseAddress;
  /** For a transaction without a running statement, if the server sets no limit. */
  readonly #idleTimeout: number;
  /** The connection on which a prepared statement was last lost, and when. */
  #statementLoss: { readonly connection: PostgresConnection; readonly at: number } | undefined;
  #lostConnections = 0;
  #generation = 0;
  #isClosed = false;

  /** Opens no connection yet. @throws ValidationError for an option that is not a whole number within its bounds */
  constructor(location: PostgresLocation, options: PostgresDriverOptions = {}) {
    const given = { ...location.options, ...withoutUndefined(options) };
    const { prepare = true, applicationName = "flux-dao" } = given;
    const numbers = readNumbers(given);
    const { poolSize, pipelineDepth, connectTimeout, maxImports } = numbers;
    const { user, password, database, parameters } = location;
    this.#location = location;
    this.#address = { ...location.servers[0], database };
    this.#idleTimeout = prepare ? 0 : numbers.idleInTransactionTimeout;
    const scriptOf = (limits: Parameters<typeof sessionScript>[0]) =>
      sessionScript(prepare ? limits : undefined, location.targetSession);
    this.#unlimited = { responseTimeout: 0, script: scriptOf({ statementTimeout: 0, lockTimeout: 0 }) };
    this.#settings = {
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
      pipelines: prepare && pipelineDepth > 1,
      responseTimeout: responseTimeout(numbers.statementTimeout),
      // Behind a pooler nothing is set, since the next statement may run on another connection.
      script: scriptOf(numbers),
    };
    // All connections that are open lead to the server from before: a primary that is none any more, or a standby that has come
    // further, or less far, than the new one.
    const onMoved = () => {
      this.#lostConnections++;
      this.#pool.replaceOpenedBefore(performance.now());
    };
    this.#servers = serverSearch(location, connectTimeout, onMoved);
    const events: ConnectionEvents = {
      onLost: (connection, reason) => {
        this.#lostConnections++;
        this.#pool.lost(connection, reason);
      },
      onRefused: (connection, error) => this.#onRefused(connection, error),
    };
    this.#pool = new ConnectionPool((signal) => this.#open(events, signal), { ...numbers, size: poolSize });
    this.imports = new ImportLimit(() => maxImports || quarterOf(this.#pool.usage.size), numbers);
  }

  get balancesLoad(): boolean {
    return this.#servers.balancesLoad;
  }

  get lostConnections(): number {
    return this.#lostConnections;
  }

  /** Of several servers it names the one that was found last. */
  get description(): string {
    const { servers, database, description } = this.#location;
    const { found } = this.#servers;
    return servers.length === 1 || found === undefined ? description : `PostgreSQL at ${nameOf(found)}/${database}`;
  }

  /** Of the server that was found last. The same object as long as that is the same. */
  get address(): DatabaseAddress {
    const { host, port } = this.#servers.found ?? this.#address;
    if (host !== this.#address.host || port !== this.#address.port) this.#address = { ...this.#address, host, port };
    return this.#address;
  }

  get pool(): InstrumentedPool {
    return this.#pool;
  }

  execute(text: string, parameters: readonly SqlParameter[], options: StatementOptions = {}): Promise<SqlResult> {
    const { signal, kind = "write", requester } = options;
    if (signal !== undefined) return this.#executeAbortable(text, parameters, { signal, requester });
    return this.#share(kind, text, parameters, requester);
  }

  executeAlone(text: string, signal?: AbortSignal): Promise<SqlResult> {
    return this.#executeOnExtra(text, [], signal ?? new AbortController().signal, this.#unlimited);
  }

  transaction<Result>(
    work: (transaction: SqlTransaction) => Promise<Result>,
    options: TransactionOptions = {},
  ): Promise<Result> {
    const { signal, requester, statementTimeout, readOnly = false } = options;
    signal?.throwIfAborted();
    const begin = beginScript(options);
    const limit = statementTimeout === undefined ? this.#settings.responseTimeout : responseTimeout(statementTimeout);
    return this.#pool.exclusive(
      (connection) => {
        connection.beginTransaction(readOnly, limit);
        return OpenTransaction.run(connection, begin, work, signal, this.#idleTimeout);
      },
      { signal, requester },
    );
  }

  replaceConnections(server?: Candidate): void {
    this.#servers.distrust(server);
    this.#pool.replaceOpenedBefore(performance.now() - RECENTLY_OPENED);
  }

  close(timeout = DEFAULT_CLOSE_TIMEOUT): Promise<void> {
    this.#isClosed = true;
    this.imports.close();
    return this.#pool.close(timeout);
  }

  #open(
    events: ConnectionEvents,
    signal: AbortSignal,
    limits?: Pick<ConnectionSettings, "responseTimeout" | "script">,
  ): Promise<PostgresConnection> {
    const openOn = (server: Candidate, connectTimeout: number) => {
      const openAt = (ended?: AbortSignal, address = server.address) =>
        openSocket({ ...endpointOf(this.#location, server, address), connectTimeout, signal: ended });
      const own = { server, connectTimeout, openSocket: openAt, generation: this.#generation };
      return PostgresConnection.open({ ...this.#settings, ...limits, ...own }, events, signal);
    };
    return this.#servers.find(openOn, signal);
  }

  #share(
    kind: StatementKind,
    text: string,
    parameters: readonly SqlParameter[],
    requester?: Requester,
    isRerun = false,
  ): Promise<SqlResult> {
    const rerun = () => this.#share(kind, text, parameters, undefined, true);
    const run = (connection: PostgresConnection) => connection.execute(text, parameters, undefined, rerun);
    return this.#pool.shared(kind, run, requester, isRerun);
  }

  /** Runs a statement on a connection of the pool and, if none is free soon, also on an extra one; the first result counts. */
  async #probe(text: string, parameters: readonly SqlParameter[], signal: AbortSignal): Promise<SqlResult> {
    const pooled = this.execute(text, parameters, { signal });
    // A full or slow queue says nothing about the server.
    const hasEnded = pooled.then(
      () => true,
      (error: unknown) => this.#isClosed || !(error instanceof UnavailableError),
    );
    if (await Promise.race([hasEnded, delay(PROBE_PATIENCE, false, { ref: false })])) return pooled;
    const extra = this.#executeOnExtra(text, parameters, signal);
    return Promise.race([pooled.catch(() => extra), extra]);
  }

  async #executeOnExtra(
    text: string,
    parameters: readonly SqlParameter[],
    signal: AbortSignal,
    limits?: Pick<ConnectionSettings, "responseTimeout" | "script">,
  ): Promise<SqlResult> {
    // No pool to notify.
    const events: ConnectionEvents = { onLost: () => undefined, onRefused: (_, error) => error };
    const connection = await this.#open(events, signal, limits);
    try {
      return await connection.execute(text, parameters, signal);
    } finally {
      void connection.close();
    }
  }

  /** A cancelled statement discards its connection, so it gets one of its own. */
  async #executeAbortable(
    text: string,
    parameters: readonly SqlParameter[],
    options: Pick<StatementOptions, "requester"> & { readonly signal: AbortSignal },
  ): Promise<SqlResult> {
    const { signal } = options;
    for (;;) {
      signal.throwIfAborted();
      try {
        return await this.#pool.exclusive((connection) => connection.execute(text, parameters, signal), options);
      } catch (error) {
        if (!isStaleStatement(error)) throw error;
      }
    }
  }

  #onRefused(connection: PostgresConnection, error: unknown): unknown {
    switch (databaseErrorFacts(error)?.code) {
      case "25006":
        // A new connection may lead to the new primary; others of that age lead to the same server.
        this.replaceConnections(connection.server);
        return error;
      case "26000": {
        const last = this.#statementLoss;
        this.#statementLoss = { connection, at: performance.now() };
        const isRepeated = last !== undefined && last.connection !== connection;
        return isRepeated && performance.now() - last.at < LOST_STATEMENTS_INTERVAL ? error : staleStatement(error);
      }
      default:
        // A table was altered, and every connection may have stale plans, also those that a pooler keeps.
        if (connection.generation === this.#generation) this.#generation++;
        this.#pool.replaceOpenedBefore(performance.now());
        return staleStatement(error);
    }
  }
}

/** Where and how to connect: the host may be the folder of a Unix socket, and its name have been looked up. */
function endpointOf(
  { tls, keepAlive = KEEP_ALIVE }: PostgresLocation,
  { host, port }: ServerAddress,
  address = host,
): Omit<SocketOptions, "connectTimeout"> {
  const path = host.startsWith("/") ? socketPath(host, port) : undefined;
  return { host: address, port, path, servername: host, tls, keepAlive };
}
