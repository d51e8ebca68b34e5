import { invalid } from "../contract/fields/validation.ts";

/** The largest time-out that PostgreSQL and Node accept, in milliseconds: 24 days. */
export const LARGEST_VALUE = 2_147_483_647;

/** Returns `value` if it is a time-out from `smallest` on; 0 is no limit. @throws ValidationError, naming the option */
export function milliseconds(option: string, value: number, smallest = 0, largest = LARGEST_VALUE): number {
  if (Number.isInteger(value) && value >= smallest && value <= largest) return value;
  const least = smallest === 0 ? "0 (no limit)" : smallest;
  throw invalid(option, `must be a whole number of milliseconds from ${least} to ${largest}`);
}

export function isWholeNumber(value: unknown, smallest: number): boolean {
  return Number.isInteger(value) && Number(value) >= smallest && Number(value) <= LARGEST_VALUE;
}

// Calls
/** Milliseconds: maximum delay before the first retry of a call or of connecting; it doubles with each. */
export const FIRST_RETRY_DELAY = 20;
/** Milliseconds: maximum delay before any retry. */
export const LONGEST_RETRY_DELAY = 1_000;
/**
 * How often the library retries its own work, and a migration, after a serialization failure or deadlock, as single statements. Work that
 * takes the same locks in another order collides again if it is retried soon, and the delay doubles with each.
 */
export const OWN_RETRIES = 9;
/** Milliseconds: interval at which statements of an embedded database yield to the event loop. */
export const TURN_INTERVAL = 10;
/** Milliseconds after an abort for the running statement, its cancel requests and the rollback. */
export const ABORT_GRACE = 1_000;

// Connections
/** Milliseconds of silence before TCP keep-alive probes the peer. */
export const KEEP_ALIVE = 30_000;
/** Milliseconds after a statement's time-out within which the server must have reported it. */
export const RESPONSE_MARGIN = 2_000;
/** Milliseconds: an older connection may lead to the server from before a failover. */
export const RECENTLY_OPENED = 1_000;
/** Milliseconds within which a second lost prepared statement means that a proxy loses them. */
export const LOST_STATEMENTS_INTERVAL = 60_000;
/** Milliseconds after which a cancel request that had no effect is sent again. */
export const CANCEL_INTERVAL = 50;
/** Milliseconds for a peer to receive pending data before its socket is closed. */
export const CLOSE_GRACE = 1_000;
/** Milliseconds that a probe waits for the pool. `/ready` has 1,500 for two statements and two extra connections. */
export const PROBE_PATIENCE = 250;
/** Milliseconds by which a standby may lag behind its primary, unless set otherwise. */
export const DEFAULT_MAX_LAG = 10_000;
/** Milliseconds that a read waits for a standby to replay a position, unless its call ends earlier. */
export const REPLAY_WAIT = 30_000;
/** Milliseconds between two looks at what a standby has replayed: the first pause, and the longest; it doubles each time. */
export const FIRST_REPLAY_PAUSE = 2;
export const LONGEST_REPLAY_PAUSE = 100;
/** How often a read that must cover a position is begun, if connections are lost meanwhile. */
export const COVERING_ATTEMPTS = 5;
/** Milliseconds that a call waits for the embedded database's only connection. */
export const EMBEDDED_ACQUIRE_TIMEOUT = 30_000;

// Defaults of options, which say what each limits; times in milliseconds
export const DEFAULT_POOL_SIZE = 10;
/** Statements on one connection: enough to keep the server busy while results travel. */
export const DEFAULT_PIPELINE_DEPTH = 8;
export const DEFAULT_CONNECT_TIMEOUT = 5_000;
/** For a connection, or an import's turn. */
export const DEFAULT_ACQUIRE_TIMEOUT = 5_000;
/** For a connection, or imports for their turn. */
export const DEFAULT_MAX_WAITING = 1_000;
export const DEFAULT_STATEMENT_TIMEOUT = 30_000;
export const DEFAULT_LOCK_TIMEOUT = 10_000;
export const DEFAULT_IDLE_IN_TRANSACTION_TIMEOUT = 60_000;
/** 10 minutes. */
export const DEFAULT_IDLE_TIMEOUT = 600_000;
/** 30 minutes. */
export const DEFAULT_MAX_LIFETIME = 1_800_000;
export const DEFAULT_CLOSE_TIMEOUT = 5_000;
/** Bytes of a conversation's messages as JSON text: 8 MiB. */
export const DEFAULT_CONVERSATION_BYTES = 8 * 1_048_576;
/** For another process that migrates the same database. */
export const MIGRATION_WAIT_TIMEOUT = 600_000;
export const MIGRATION_LOCK_TIMEOUT = 30_000;
/** An hour. */
export const MIGRATION_STATEMENT_TIMEOUT = 3_600_000;
/** Until it begins again: all later statements on a table queue behind a lock that a migration waits for. */
export const LOCK_ATTEMPT = 50;
/** For a lock behind which no statement queues: longer than `deadlock_timeout`, when the server ends an autovacuum for it. */
export const QUIET_LOCK_ATTEMPT = 2_000;
export const MIGRATIONS_AT_A_TIME = 4;

// The pool
/**
 * Point queries sent together on one connection, in one packet: system calls and the wake-up of a server process take longer than
 * such a query. Few enough that the last one waits for less than a millisecond.
 */
export const GATHERED_QUERIES = 4;
/** Writes sent together on one connection if none is idle: each would wait behind others on any connection. */
export const GATHERED_WRITES = 4;
/** Milliseconds without a response after which a connection with running statements counts as blocked. */
export const BLOCKED_AFTER = 100;
/** Milliseconds after which an attempt is slow: another may reach another peer, if one address has several servers. */
export const SLOW_CONNECT = 1_000;
/** Milliseconds for which one of several servers that failed is tried after the others. */
export const SERVER_RECHECK = 10_000;
/** Milliseconds for which the server's own limit of connections is respected. */
export const SERVER_LIMIT_LIFETIME = 10_000;
/** Milliseconds of idleness after which a connection is tested before use: a firewall or load balancer may have dropped it. */
export const IDLE_TEST_AFTER = 30_000;
/** Milliseconds for the response to that test. */
export const IDLE_TEST_TIMEOUT = 1_000;
/** Milliseconds: maximum interval of the check for expired connections. */
export const UPKEEP_INTERVAL = 15_000;

// Rows in memory
/** Maximum bytes of text and JSON in the result of a list; a larger row is read by itself. */
export const RESULT_BYTES = 16 * 1_048_576;
/** Maximum bytes of rows that are read at a time for callers that forward them; a single row may have more. */
export const PIECE_BYTES = 524_288;
/** A goal's milestones, its tasks, or tasks of a range that are read at a time. */
export const PIECE_ROWS = 1_000;
/** Maximum bytes of a text that is read together with the others. */
export const SHORT_TEXT_BYTES = 8_192;
/** Maximum bytes of a value that is read with its row. */
export const WHOLE_VALUE_BYTES = 8 * 1_048_576;
/** Characters of a part; longer if a value would otherwise have more than 32 parts. */
export const PART_CHARACTERS = 4_194_304;
/** Maximum parts of a value: the server serializes all of its JSON for each. */
export const MOST_PARTS = 32;
/** Characters that are hashed in one turn of the event loop, unless a single member of an array has more. */
export const VERSION_STEP = 262_144;
/** Maximum rows that `count: "estimated"` counts; the planner estimates more. */
export const EXACT_COUNT = 1_000;

// Imports, streams, idempotency keys
/** Tasks per statement: enough to make the round trip negligible, few enough to hold in memory. */
export const IMPORT_BATCH_ROWS = 1_000;
/** Milliseconds after which a partial batch is written, so that a slow source does not leave the transaction idle for longer. */
export const IMPORT_BATCH_TIME = 1_000;
/** Milliseconds that a failed import waits for its source to close. */
export const SOURCE_CLOSE_TIMEOUT = 1_000;
/** Tasks per page of a stream. */
export const STREAM_PAGE_ROWS = 250;
/**
 * Maximum pages that are read ahead, over all streams of the process. Reading ahead makes a few streams faster; many streams keep
 * the process busy anyway, and each waiting page costs garbage-collection time.
 */
export const MAX_PAGES_AHEAD = 8;
/** Milliseconds for which a key is remembered: 24 hours. */
export const KEY_LIFETIME = 86_400_000;
/** Keys, or changes, per DELETE, which keeps each transaction short. */
export const DELETE_BATCH = 1_000;

// Changes
/** Milliseconds between two looks for changes: the first pause, and the longest. */
export const FIRST_CHANGES_PAUSE = 10;
export const LONGEST_CHANGES_PAUSE = 500;
/** Milliseconds for which followers wait out that the database is unavailable, and readers that one transaction locks the feed's head. */
export const CHANGES_PATIENCE = 10_000;
/** Milliseconds for which changes are kept unless set otherwise: 7 days. */
export const DEFAULT_CHANGES_RETENTION = 604_800_000;

// Migrations and diagnosis
/** Milliseconds that a batch of rows should take, since writers wait for it. The number of its rows is adapted to that. */
export const BATCH_TIME = 25;
export const FIRST_BATCH_ROWS = 100;
export const MAX_BATCH_ROWS = 10_000;
/** Milliseconds in which a process that is about to build an index must have locked the table. */
export const INDEX_CLAIM = 5_000;
/** Milliseconds for which a full comparison of the schema stays valid. */
export const COMPARISON_VALIDITY = 5_000;
/** Milliseconds by which two clocks may differ. */
export const CLOCK_TOLERANCE = 2_000;
