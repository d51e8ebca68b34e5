import { setTimeout as delay } from "node:timers/promises";
import { addressOf, type DatabaseAddress } from "../../connection-string/database-address.ts";
import { UnavailableError, ValidationError } from "../../contract/errors.ts";
import { beginScript, isWholeNumber, LARGEST_VALUE } from "../../session/begin.ts";
import type { TransactionOptions } from "../../session/database-session.ts";
import type {
  SqlDriver,
  SqlExecutor,
  SqlParameter,
  SqlResult,
  SqlTransaction,
  StatementOptions,
} from "../../session/driver.ts";
import type { ObservedPool } from "../../session/observed-pool.ts";
import { OpenTransaction } from "../../session/transaction.ts";
import { Lane, type LaneOptions } from "./connection.ts";
import { LanePool } from "./connection-pool.ts";

/** How to use a PostgreSQL server. All times in milliseconds; 0 switches a server-side limit off. */
export interface PostgresDriverOptions {
  /** The most connections, for single statements and transactions together. Default 10. */
  readonly poolSize?: number | undefined;
  /**
   * Whether statements are prepared once per connection. Default `true`. Behind a proxy that pools by transaction
   * (PgBouncer) it must be `false`; then no connection settings are sent either, and the server's own limits hold.
   */
  readonly prepare?: boolean | undefined;
  /** For connecting. Default 5,000. */
  readonly connectTimeout?: number | undefined;
  /** For a connection to be free. Default 5,000. */
  readonly acquireTimeout?: number | undefined;
  /** The most callers that wait for a connection; the next is turned away. Default 1,000. */
  readonly maxWaiting?: number | undefined;
  /** For a statement; a server that says nothing for 2,000 longer is taken for lost. Default 30,000. */
  readonly statementTimeout?: number | undefined;
  /** For a lock that a statement waits for. Default 10,000. */
  readonly lockTimeout?: number | undefined;
  /** For a transaction that waits for its next statement. Default 60,000. */
  readonly idleInTransactionTimeout?: number | undefined;
  /** What `pg_stat_activity` shows. Default `flux-dao`. */
  readonly applicationName?: string | undefined;
}

const identity = <Value>(value: Value): Value => value;

/** Where migrations put the tables, whatever the role's own search path is. */
const SCHEMA = "public";

/** Milliseconds that a probe waits for a connection of the pool: a third of what `/ready` has. */
const PROBE_PATIENCE = 500;

/** Values cross the driver as text: the row mappers make them what DTOs hold, and nothing is parsed twice. */
const types = {
  instant: { to: 1184, from: [1082, 1114, 1184], serialize: identity, parse: identity },
  json: { to: 114, from: [114, 3802], serialize: identity, parse: identity },
};

/** PostgreSQL by postgres.js: single statements pipelined over shared lanes, each transaction on a lane of its own. */
export class PostgresDriver implements SqlDriver {
  readonly description: string;
  readonly isTransaction = false;
  readonly address: DatabaseAddress;
  readonly #pool: LanePool<Lane>;
  readonly #open: (onLost: (lane: Lane) => void) => Lane;
  readonly #silenceTimeout: number;
  #isClosed = false;
  readonly probe: SqlExecutor = { execute: (...statement) => this.#probe(...statement) };

  /**
   * Opens no connection yet; the first statement does.
   * @throws ValidationError for an option that is no whole number within its bounds
   */
  constructor(url: string, description: string, options: PostgresDriverOptions = {}) {
    checkOptions(options);
    const prepare = options.prepare ?? true;
    const laneOptions: LaneOptions = {
      prepare,
      types,
      connect_timeout: (options.connectTimeout ?? 5_000) / 1_000,
      connection: {
        application_name: options.applicationName ?? "flux-dao",
        // How instants are written; a database or a role may have others. Transaction-pooling proxies keep track of these.
        DateStyle: "ISO",
        TimeZone: "UTC",
        ...(prepare && {
          search_path: SCHEMA,
          statement_timeout: options.statementTimeout ?? 30_000,
          lock_timeout: options.lockTimeout ?? 10_000,
          idle_in_transaction_session_timeout: options.idleInTransactionTimeout ?? 60_000,
        }),
      },
    };
    this.description = description;
    this.address = { ...addressOf(new URL(url)), schema: prepare ? SCHEMA : undefined };
    this.#silenceTimeout = silenceTimeout(options.statementTimeout ?? 30_000);
    this.#open = (onLost) => {
      const lane = new Lane(url, laneOptions, onLost);
      lane.limitSilence(this.#silenceTimeout);
      return lane;
    };
    this.#pool = new LanePool(this.#open, {
      size: options.poolSize ?? 10,
      acquireTimeout: options.acquireTimeout ?? 5_000,
      maxWaiting: options.maxWaiting ?? 1_000,
    });
  }

  get pool(): ObservedPool {
    return this.#pool;
  }

  execute(text: string, parameters: readonly SqlParameter[], options: StatementOptions = {}): Promise<SqlResult> {
    const { signal, isShort } = options;
    if (signal === undefined) {
      const use = isShort === true ? "short read" : isRead(text) ? "read" : "write";
      return this.#pool.shared(use, (lane) => lane.execute(text, parameters));
    }
    if (signal.aborted) return Promise.reject(signal.reason);
    // A cancelled statement takes its connection along, so it has one to itself.
    return this.#pool.exclusive((lane) => lane.execute(text, parameters, signal), signal);
  }

  /** On a connection of the pool, or, where none comes free for a while, on one more, whichever returns first. */
  async #probe(
    text: string,
    parameters: readonly SqlParameter[],
    { signal }: StatementOptions = {},
  ): Promise<SqlResult> {
    const over = new AbortController();
    const signals = signal === undefined ? [over.signal] : [over.signal, signal];
    const inLine = this.execute(text, parameters, { signal: AbortSignal.any(signals) });
    // A line that is full, or too slow, says nothing of the server.
    const hasEnded = inLine.then(
      () => true,
      (error: unknown) => this.#isClosed || !(error instanceof UnavailableError),
    );
    const patience = delay(PROBE_PATIENCE, false, { ref: false });
    if (await Promise.race([hasEnded, patience])) return inLine;
    const lane = this.#open(() => undefined);
    const beside = lane.execute(text, parameters, signal);
    try {
      return await Promise.race([inLine.catch(() => beside), beside]);
    } finally {
      over.abort();
      void lane.close();
    }
  }

  async transaction<Result>(
    work: (transaction: SqlTransaction) => Promise<Result>,
    options: TransactionOptions = {},
  ): Promise<Result> {
    const { signal } = options;
    signal?.throwIfAborted();
    const begin = beginScript(options);
    const { statementTimeout } = options;
    return this.#pool.exclusive(async (lane) => {
      if (statementTimeout !== undefined) lane.limitSilence(silenceTimeout(statementTimeout));
      try {
        return await OpenTransaction.run(lane, begin, work, signal);
      } finally {
        lane.limitSilence(this.#silenceTimeout);
      }
    }, signal);
  }

  close(timeout = 5_000): Promise<void> {
    this.#isClosed = true;
    return this.#pool.close(timeout);
  }
}

/** Whether a statement takes no lock for which it could have to wait; `with` begins those of ours that write. */
function isRead(text: string): boolean {
  return text.startsWith("select");
}

/** How long after a statement's time-out the server must have said so. */
const SILENCE_MARGIN = 2_000;

function silenceTimeout(statementTimeout: number): number {
  return statementTimeout === 0 ? 0 : Math.min(statementTimeout + SILENCE_MARGIN, LARGEST_VALUE);
}

const smallestValues = {
  poolSize: 1,
  connectTimeout: 1,
  acquireTimeout: 0,
  maxWaiting: 0,
  statementTimeout: 0,
  lockTimeout: 0,
  idleInTransactionTimeout: 0,
} as const;

function checkOptions(options: PostgresDriverOptions): void {
  const issues = Object.entries(smallestValues).flatMap(([path, smallest]) => {
    const value: unknown = Reflect.get(options, path);
    if (value === undefined || isWholeNumber(value, smallest)) return [];
    return [{ path, message: `must be a whole number from ${smallest} to ${LARGEST_VALUE}` }];
  });
  if (issues.length > 0) throw new ValidationError(issues);
}
