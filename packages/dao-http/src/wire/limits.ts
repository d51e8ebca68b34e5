/*
 * Every time-out and size of this package. Times are in milliseconds, sizes in bytes, and each is a default if an option or
 * an environment variable has its name.
 */

/** Size of a request body, or of a line of an NDJSON body: 1 MiB (contract, "Errors"). */
export const BODY_LIMIT = 1_048_576;

/** Time in which {@link MIN_PROGRESS} bytes of a request body, or its end, must arrive. */
export const BODY_TIMEOUT = 30_000;

/**
 * Time in which a client must receive {@link MIN_PROGRESS} bytes of a response. The operating system reports progress in steps of
 * a third of its buffer, about a megabyte: in 30 s a reader of 30 kB/s shows none. The interval of the check follows.
 */
export const SEND_TIMEOUT = 60_000;
export const SEND_CHECK_INTERVAL = 1_000;

/** Bytes that must pass in each time-out above: some 330 a second, slower than any network. */
export const MIN_PROGRESS = 10_000;

/** Memory for request bodies that are being received, unless one body may be larger than a quarter of it. */
export const BODY_MEMORY = 64 * 1_048_576;

/** Bytes of a body that is long, and requests with one in progress. */
export const LONG_BODY = 65_536;
export const LONG_BODIES = 8;

/** Requests in progress, a dozen for each connection of the default pool; those that wait for one, and how long. */
export const CONCURRENT_REQUESTS = 128;
export const WAITING_REQUESTS = 1_000;
export const REQUEST_WAIT = 5_000;

/** Seconds for the `Retry-After` of a 503; the data layer recovers within 2 s after a fault's end. */
export const RETRY_AFTER = 2;

/** Rejections a second that are sent at once, and delayed ones at a time, for clients that ignore `Retry-After`. */
export const IMMEDIATE_REJECTIONS = 100;
export const DELAYED_REJECTIONS = 4_096;

/** Memory for responses that are not sent yet, together. */
export const RESPONSE_MEMORY = 64 * 1_048_576;

/** Concurrent reads from the database for responses: fewer than the pool has connections, for short turns of the event loop. */
export const RESPONSE_READERS = 8;

/** Time without progress after which a response is aborted if others wait for its memory. */
export const STALLED_RESPONSE = 2_000;

/** Characters of a response that does not count towards {@link RESPONSE_MEMORY}, and of one whose row is read in pieces. */
export const UNCOUNTED_RESPONSE = 65_536;
export const LONG_RESPONSE = 524_288;

/** Characters of a batch's results, which are in memory until all are there; time for it, longer than most clients wait. */
export const BATCH_RESULTS = 4 * 1_048_576;
export const BATCH_TIMEOUT = 60_000;

/** Requests that wait for changes at a time; the longest wait of one for a page, in seconds, shorter than the time-outs of proxies. */
export const FOLLOWERS = 1_000;
export const CHANGES_WAIT = 25;

/** Time without a change after which a stream of changes has a line with a cursor; changes of a follower in memory. */
export const CURSOR_INTERVAL = 15_000;
export const CHANGES_CHUNK = 100;

/** Memory of a response while it reads: a piece of rows, a row of unknown length, an NDJSON stream, its next chunk. */
export const ROWS_MEMORY = 2 * 1_048_576;
export const LONG_ROW_MEMORY = 16 * 1_048_576;
export const STREAM_MEMORY = 524_288;
export const NDJSON_CHUNK_MEMORY = 262_144;

/** Characters of an NDJSON chunk: few writes, and little in memory. The items of one from the client, whose source may be slow. */
export const NDJSON_CHUNK = 65_536;
export const NDJSON_ITEMS = 200;

/** Characters of a streamed body passed to the host at a time, and bytes passed to Node's response at a time. */
export const BODY_SLICE = 131_072;
export const SEND_SLICE = 65_536;

/** Size of the `Link` header: all headers of a response then fit into 4 KB, nginx's default limit. */
export const LINK_HEADER = 3_072;

/** Values of one filter. */
export const FILTER_VALUES = 100;

/** Issues that a problem document lists. */
export const PROBLEM_ERRORS = 100;

/** Time for the check of `/ready`, which must respond within 2 s (contract, "REST"). */
export const READINESS_TIMEOUT = 1_500;

/** Schemas that a probe checks until it finds one that can be used. */
export const SCHEMAS_PER_PROBE = 20;

/** Time between two checks of a standby while there are reads, for such a check, and that a read waits for a position. */
export const REPLICA_CHECK_INTERVAL = 1_000;
export const REPLICA_CHECK_TIMEOUT = 2_000;
export const REPLICA_WAIT = 500;

/** Interval of the cleanup of expired idempotency keys, and of that of changes. */
export const CLEANUP_INTERVAL = 3_600_000;

/**
 * Bytes of log lines written together (fewer in a pipe that processes share: `PIPE_BUF`), how many lines wait for that, and for how
 * long.
 */
export const LOG_BATCH = 16_000;
export const LOG_BATCH_LINES = 64;
export const LOG_FLUSH_INTERVAL = 100;
export const SHARED_LOG_BATCH = 4_096;

/** Log lines that are kept while they cannot be written, as on a full disk; further ones are lost. */
export const LOG_MEMORY = 1_048_576;

/** Connections at a time; how long one has for a request's headers, and may be idle: longer than the 60 s of proxies. */
export const MAX_CONNECTIONS = 4_096;
export const HEADERS_TIMEOUT = 10_000;
export const KEEP_ALIVE_TIMEOUT = 65_000;

/** Consecutive turns with a new connection after which requests wait, the maximum wait, and how many begin per turn then. */
export const STORM_TURNS = 2;
export const STORM_WAIT = 250;
export const BEGUN_IN_STORM = 2;
export const BEGUN_AFTER_STORM = 8;

/** Time that a client may continue to send a body after the response: without a byte, and in total. */
export const LINGER_IDLE = 1_000;
export const LINGER_TOTAL = 5_000;

/** Time for the sender of a malformed request to read the response. */
export const REFUSAL_LINGER = 1_000;

/** Interval of the probes for disconnected clients, whose reset shows at the next; how many are dropped in one turn. */
export const DEPARTURE_PROBE_INTERVAL = 250;
export const DEPARTURES_IN_TURN = 32;

/**
 * Time for a stop: until new connections are refused; in all; the part of it that is kept for closing, since an orchestrator kills
 * the process when it is over. The idle time of a connection before a stop closes it.
 */
export const STOP_DELAY = 500;
export const GRACE_PERIOD = 10_000;
export const CLOSING_TIME = 500;
export const MIN_IDLE = 20;

/** Time without a new connection after which a stop closes the port, and for how many turns of 2 ms or more it waits for that. */
export const PORT_QUIET = 100;
export const PORT_QUIET_TURNS = 200;

/** Time beyond its grace period for a worker process to stop; for the primary process to reply to one that stops. */
export const WORKER_STOP_MARGIN = 1_000;
export const PRIMARY_REPLY_WAIT = 1_000;

/** A process that ran shorter is restarted with a delay, which doubles from the first to the last. */
export const SHORT_LIFETIME = 10_000;
export const FIRST_RESTART_DELAY = 1_000;
export const LAST_RESTART_DELAY = 30_000;

/** Time for the telemetry SDK to send what it holds: only a moment remains after the grace period. */
export const TELEMETRY_FLUSH_TIMEOUT = 500;

/** The client: time for a call. */
export const CALL_TIMEOUT = 30_000;

/** Time for a failed import to close its source. */
export const SOURCE_CLOSE_TIMEOUT = 1_000;

/** Longest delay of a timer; a longer one would fire at once. */
export const MAX_TIMEOUT = 2_147_483_647;

/** @throws TypeError for an option that is not a whole number from its smallest value on */
export function checkLimits<Name extends string>(
  options: Readonly<Partial<Record<NoInfer<Name>, number | undefined>>>,
  smallest: Readonly<Record<Name, number>>,
): void {
  for (const name in smallest) {
    const { [name]: value = smallest[name] } = options;
    if (!Number.isInteger(value) || value < smallest[name] || value > MAX_TIMEOUT) {
      throw new TypeError(`${name} must be a whole number from ${smallest[name]} to ${MAX_TIMEOUT}.`);
    }
  }
}

/** Attempts beyond the first; the delay before the first of them, which doubles each time, and the maximum delay. */
export const RETRIES = 2;
export const FIRST_RETRY_DELAY = 100;
export const LAST_RETRY_DELAY = 2_000;

/** Rows of a stream that the client remembers after the last cursor. */
export const REMEMBERED_ROWS = 10_000;

/** Changes that a follower requests at a time; longest pause after a response without any that came sooner than that. */
export const CLIENT_CHANGES = 1_000;
export const FOLLOWER_PAUSE = 500;
