import { setTimeout as delay } from "node:timers/promises";
import {
  type DatabaseAddress,
  nameOf,
  type PostgresLocation,
  type ServerAddress,
  type TargetSession,
} from "../../connection-string/database-url.ts";
import { socketPath } from "../../connection-string/servers.ts";
import type { Requester } from "../../contract/call-options.ts";
import { UnavailableError, ValidationError } from "../../contract/errors.ts";
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
import { ImportLimit } from "../../session/import-limit.ts";
import type { InstrumentedPool } from "../../session/instrumentation.ts";
import {
  DEFAULT_ACQUIRE_TIMEOUT,
  DEFAULT_CLOSE_TIMEOUT,
  DEFAULT_CONNECT_TIMEOUT,
  DEFAULT_IDLE_IN_TRANSACTION_TIMEOUT,
  DEFAULT_IDLE_TIMEOUT,
  DEFAULT_LOCK_TIMEOUT,
  DEFAULT_MAX_LIFETIME,
  DEFAULT_MAX_WAITING,
  DEFAULT_POOL_SIZE,
  DEFAULT_STATEMENT_TIMEOUT,
  isWholeNumber,
  KEEP_ALIVE,
  LARGEST_VALUE,
  LOST_STATEMENTS_INTERVAL,
  PROBE_PATIENCE,
  RECENTLY_OPENED,
  RESPONSE_MARGIN,
} from "../../session/limits.ts";
import { databaseErrorFacts, isStaleStatement, staleStatement } from "../../session/postgres-errors.ts";
import { OpenTransaction } from "../../session/transaction/transaction.ts";
import { withEitherSignal } from "../../session/waiting/deadline.ts";
import { type ConnectionEvents, type ConnectionSettings, PostgresConnection } from "./connection.ts";
import { openSocket, type SocketOptions } from "./open-socket.ts";
import { ConnectionPool } from "./pool/connection-pool.ts";
import { type Candidate, ServerSearch, STATE_QUERY } from "./server-search.ts";

/** How to use a PostgreSQL server. All times in milliseconds; 0 disables a server-side limit. */
export interface PostgresDriverOptions {
  /** Maximum number of connections, for single statements and transactions together. Default 10. */
  readonly poolSize?: number | undefined;
  /**
   * Whether statements are prepared once per connection. Default `true`. Behind a proxy that pools by transaction (PgBouncer) it
   * must be `false`; then no connection settings are sent either, and the server's own limits apply.
   */
  readonly prepare?: boolean | undefined;
  /** For connecting. Default 5,000. */
  readonly connectTimeout?: number | undefined;
  /** For waiting until a connection is free or has been opened. Default 5,000. */
  readonly acquireTimeout?: number | undefined;
  /** Maximum number of callers that wait for a connection; further ones are rejected. Default 1,000. */
  readonly maxWaiting?: number | undefined;
  /** For a statement; a server that is silent for 2,000 longer counts as lost. Default 30,000. */
  readonly statementTimeout?: number | undefined;
  /** For a statement's wait for a lock. Default 10,000. */
  readonly lockTimeout?: number | undefined;
  /** For a transaction without a running statement; also with `prepare: false`, and embedded. Default 60,000. */
  readonly idleInTransactionTimeout?: number | undefined;
  /**
   * Until an idle connection is closed. Default 600,000 (10 minutes); 0 is no limit. One that was idle for 30 seconds is tested
   * before use.
   */
  readonly idleTimeout?: number | undefined;
  /** From opening a connection to replacing it, up to a tenth less. Default 1,800,000 (30 minutes); 0 is no limit. */
  readonly maxLifetime?: number | undefined;
  /** What `pg_stat_activity` shows. Default `flux-dao`. */
  readonly applicationName?: string | undefined;
}

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
  readonly #settings: Omit<ConnectionSettings, "server" | "connectTimeout" | "openSocket">;
  #address: DatabaseAddress;
  /** For a transaction without a running statement, if the server sets no limit. */
  readonly #idleTimeout: number;
  /** The connection on which a prepared statement was last lost, and when. */
  #statementLoss: { readonly connection: PostgresConnection; readonly at: number } | undefined;
  #lostConnections = 0;
  #isClosed = false;

  /**
   * Opens no connection yet; the first statement does.
   * @throws ValidationError for an option that is not a whole number within its bounds
   */
  constructor(location: PostgresLocation, options: PostgresDriverOptions = {}) {
    const given = { ...location.options, ...withoutUndefined(options) };
    const { prepare = true, applicationName = "flux-dao" } = given;
    const numbers = readNumbers(given);
    const { poolSize, connectTimeout, acquireTimeout, maxWaiting, idleTimeout, maxLifetime } = numbers;
    const { user, password, database, parameters } = location;
    this.#location = location;
    this.#address = { ...location.servers[0], database };
    this.#idleTimeout = prepare ? 0 : numbers.idleInTransactionTimeout;
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
      responseTimeout: responseTimeout(numbers.statementTimeout),
      // Behind a pooler nothing is set, since the next statement may run on another connection.
      script: sessionScript(prepare ? numbers : {}, location.targetSession),
    };
    // All connections that are open lead to the server from before: a primary that is none any more, or a standby that has come
    // further, or less far, than the new one.
    const onMoved = () => {
      this.#lostConnections++;
      this.#pool.replaceOpenedBefore(performance.now());
    };
    this.#servers = new ServerSearch(location, connectTimeout, onMoved);
    const events: ConnectionEvents = {
      onLost: (connection, reason) => {
        this.#lostConnections++;
        this.#pool.lost(connection, reason);
      },
      onRefused: (connection, error) => this.#onRefused(connection, error),
    };
    this.#pool = new ConnectionPool((signal) => this.#open(events, signal), {
      size: poolSize,
      acquireTimeout,
      maxWaiting,
      idleTimeout,
      maxLifetime,
    });
    this.imports = new ImportLimit(() => this.#pool.usage.size, { acquireTimeout, maxWaiting });
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

  async transaction<Result>(
    work: (transaction: SqlTransaction) => Promise<Result>,
    options: TransactionOptions = {},
  ): Promise<Result> {
    const { signal, requester, statementTimeout, readOnly = false } = options;
    signal?.throwIfAborted();
    const begin = beginScript(options);
    const limit = statementTimeout === undefined ? this.#settings.responseTimeout : responseTimeout(statementTimeout);
    return this.#pool.exclusive(
      (connection) =>
        connection.inTransaction({ isReadOnly: readOnly, responseTimeout: limit }, () =>
          OpenTransaction.run(connection, begin, work, signal, this.#idleTimeout),
        ),
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

  #open(events: ConnectionEvents, signal: AbortSignal): Promise<PostgresConnection> {
    const openOn = (server: Candidate, connectTimeout: number) => {
      const openAt = (ended?: AbortSignal, address = server.address) =>
        openSocket({ ...endpointOf(this.#location, server, address), connectTimeout, signal: ended });
      const settings = { ...this.#settings, server, connectTimeout, openSocket: openAt };
      return PostgresConnection.open(settings, events, signal);
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

  async #executeOnExtra(text: string, parameters: readonly SqlParameter[], signal: AbortSignal): Promise<SqlResult> {
    // No pool to notify.
    const events: ConnectionEvents = { onLost: () => undefined, onRefused: (_, error) => error };
    const connection = await this.#open(events, signal);
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
        // A table was altered, and every connection may have stale plans.
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

/**
 * What is set on each new connection; not as startup parameters, which poolers reject. Asks what kind of session it is, if that
 * matters.
 */
function sessionScript(limits: Limits, targetSession: TargetSession): string {
  const settings = Object.entries(sessionSettings(limits)).map(([name, value]) => `set ${name} = ${value}`);
  return [...settings, ...(targetSession === "any" ? [] : [STATE_QUERY])].join("; ") || "select 1";
}

/** The limits that the server keeps, by its names for them. */
function sessionSettings({ statementTimeout, lockTimeout, idleInTransactionTimeout }: Limits): Record<string, string> {
  const limits = {
    statement_timeout: statementTimeout,
    lock_timeout: lockTimeout,
    idle_in_transaction_session_timeout: idleInTransactionTimeout,
  };
  return Object.fromEntries(
    Object.entries(limits).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]])),
  );
}

type Limits = Pick<PostgresDriverOptions, "statementTimeout" | "lockTimeout" | "idleInTransactionTimeout">;

function responseTimeout(statementTimeout: number): number {
  return statementTimeout === 0 ? 0 : Math.min(statementTimeout + RESPONSE_MARGIN, LARGEST_VALUE);
}

type Numbers = Record<keyof typeof numberOptions, number>;

/** The smallest and the default value of each. */
const numberOptions = {
  poolSize: [1, DEFAULT_POOL_SIZE],
  connectTimeout: [1, DEFAULT_CONNECT_TIMEOUT],
  acquireTimeout: [1, DEFAULT_ACQUIRE_TIMEOUT],
  maxWaiting: [1, DEFAULT_MAX_WAITING],
  statementTimeout: [0, DEFAULT_STATEMENT_TIMEOUT],
  lockTimeout: [0, DEFAULT_LOCK_TIMEOUT],
  idleInTransactionTimeout: [0, DEFAULT_IDLE_IN_TRANSACTION_TIMEOUT],
  idleTimeout: [0, DEFAULT_IDLE_TIMEOUT],
  maxLifetime: [0, DEFAULT_MAX_LIFETIME],
} as const;

function readNumbers(options: PostgresDriverOptions): Numbers {
  const defaults = Object.entries(numberOptions).map(([path, [, usual]]) => [path, usual] as const);
  const numbers = { ...Object.fromEntries(defaults), ...withoutUndefined(options) } as Numbers;
  const issues = Object.entries(numberOptions).flatMap(([path, [smallest]]) => {
    if (isWholeNumber(Reflect.get(numbers, path), smallest)) return [];
    return [{ path, message: `must be a whole number from ${smallest} to ${LARGEST_VALUE}` }];
  });
  if (issues.length > 0) throw new ValidationError(issues);
  return numbers;
}

function withoutUndefined(options: PostgresDriverOptions): PostgresDriverOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}
