import type { CallOptions } from "../contract/call-options.ts";
import { UnavailableError } from "../contract/errors.ts";
import { type DatabasePosition, parsePosition } from "../contract/fields/scalars.ts";
import { invalid } from "../contract/fields/validation.ts";
import type { SqlDriver, SqlExecutor } from "./driver.ts";
import * as limits from "./limits.ts";
import { toDaoError } from "./postgres-errors.ts";
import { limitWait, onAbort } from "./waiting/deadline.ts";

/**
 * Where the server is: on a standby what it has replayed, and whether that is all there is; on a primary what it has written,
 * commits that are not flushed yet included (`synchronous_commit = off`).
 */
const STATE = `select (case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_insert_lsn() end)::text as reached,
  pg_is_in_recovery() as is_standby,
  pg_last_wal_replay_lsn() >= pg_last_wal_receive_lsn() and exists (select from pg_stat_wal_receiver) as is_caught_up,
  (extract(epoch from clock_timestamp() - pg_last_xact_replay_timestamp()) * 1000)::bigint::text as age`;

interface Waiting {
  readonly position: DatabasePosition;
  readonly end: (failure?: { readonly error: unknown }) => void;
}

/** What is known of the server's place in the replication. */
interface Look {
  /** The position that it has reached. */
  readonly reached: string;
  readonly isStandby: boolean;
  /** Milliseconds by which it lagged behind its primary, at most. */
  readonly lag: number;
  /** When it was taken, by `performance.now()`. */
  readonly at: number;
  /** How many connections of the driver were lost until then. */
  readonly losses: number | undefined;
}

const NOTHING_KNOWN: Look = { reached: "", isStandby: true, lag: Number.POSITIVE_INFINITY, at: 0, losses: undefined };

export type Replication = ReturnType<typeof replicationOf>;

/**
 * Follows how far the server has come, for reads that must cover a position, and how old its data may be.
 * @throws ValidationError for a `maxLag` that is not a whole number of milliseconds from 1
 */
export function replicationOf(driver: SqlDriver, maxLag = limits.DEFAULT_MAX_LAG) {
  limits.milliseconds("maxLag", maxLag, 1);
  let last = NOTHING_KNOWN;
  /** When the server was last known to have replayed everything that it had received. */
  let caughtUpAt = Number.NEGATIVE_INFINITY;
  const waiting = new Set<Waiting>();
  let isLooking = false;
  /** The next look for those who wait, and the pause after it. */
  let next: { readonly at: number; readonly timer: ReturnType<typeof setTimeout> } | undefined;
  let pause = 0;
  return {
    /** Whether the server is a standby, as far as the last look tells. */
    get isStandby(): boolean {
      return last.isStandby;
    },
    /** Whether data may be older than `maxLag`, as far as the last look tells. */
    get mayBeStale(): boolean {
      return last.lag + performance.now() - last.at > maxLag;
    },
    /** The position that the server has reached. @throws UnavailableError */
    async position(executor: SqlExecutor, options?: CallOptions): Promise<DatabasePosition> {
      return parsePosition((await look(executor, options)).reached);
    },
    checkLag,
    hasReached,
    reach,
    covering,
  };

  /** @throws UnavailableError if the data may be older than `maxLag` */
  async function checkLag(executor: SqlExecutor, options?: CallOptions): Promise<Pick<Look, "isStandby" | "lag">> {
    const { isStandby, lag } = await look(executor, options);
    if (lag <= maxLag) return { isStandby, lag };
    const what = Number.isFinite(lag)
      ? `may lag ${Math.round(lag)} ms behind its primary, more than maxLag (${maxLag} ms)`
      : "is not connected to a primary, and has replayed no commit since its start";
    throw new UnavailableError(
      `The standby ${what}. Check that it receives from the primary, and that its replay is not paused.`,
    );
  }

  /**
   * Whether the server is known to have reached a position.
   * @throws ValidationError for what is none, and where one server could be asked and another one read
   */
  function hasReached(text: string): boolean {
    const position = parsePosition(text);
    if (driver.balancesLoad === true) {
      throw invalid(
        "readAfter",
        "cannot be honoured with load_balance_hosts=random, by which connections lead to several servers: name one standby",
      );
    }
    // After a lost connection the next may lead to another server, or the same one, which restarts at an earlier position.
    return last.losses !== undefined && last.losses === driver.lostConnections && covers(last, position);
  }

  /** Resolves once the server has reached a position. @throws ValidationError; UnavailableError after 30 s; an abort's reason */
  async function reach(text: string, options?: CallOptions): Promise<void> {
    if (!hasReached(text)) await wait(parsePosition(text), options);
  }

  /**
   * Runs `work` once the server has reached a position.
   * @param work calls `check` when it knows the connection that it reads from; it is run again if that throws
   * @throws what {@link reach} and `work` throw; UnavailableError if connections are lost again and again
   */
  async function covering<Result>(
    text: string,
    options: CallOptions | undefined,
    work: (check: () => void) => Promise<Result>,
  ): Promise<Result> {
    for (let attempt = 1; ; attempt++) {
      const losses = driver.lostConnections;
      let changed: UnavailableError | undefined;
      await reach(text, options);
      try {
        // While it waited for a connection, another server may have taken the place of the one that was asked.
        return await work(() => {
          if (driver.lostConnections === losses) return;
          changed = new UnavailableError("The connections to the standby are lost again and again. Try again later.");
          throw changed;
        });
      } catch (error) {
        if (changed === undefined || error !== changed || attempt === limits.COVERING_ATTEMPTS) throw error;
      }
    }
  }

  function wait(position: DatabasePosition, { signal, requester }: CallOptions = {}): Promise<void> {
    return new Promise((resolve, reject) => {
      const fail = (error: unknown) => end({ error });
      const stopWaiting = limitWait(limits.REPLAY_WAIT, signal, notReplayed, fail);
      const left = requester?.signal;
      const stopListening = left && onAbort(left, () => fail(left.reason));
      const end: Waiting["end"] = (failure) => {
        stopWaiting();
        stopListening?.();
        waiting.delete(own);
        if (failure === undefined) resolve();
        else reject(failure.error);
      };
      const own: Waiting = { position, end };
      waiting.add(own);
      for (const each of [signal, left]) if (each?.aborted === true) fail(each.reason);
      pause = limits.FIRST_REPLAY_PAUSE;
      if (!isLooking) lookIn(waiting.size === 1 ? 0 : pause);
    });
  }

  /** Looks after a pause, or at the time that is set already if that is earlier. */
  function lookIn(milliseconds: number): void {
    const at = performance.now() + milliseconds;
    if (next !== undefined && next.at <= at) return;
    clearTimeout(next?.timer);
    next = { at, timer: setTimeout(() => void lookForAll(), milliseconds) };
  }

  /** One look for all who wait, by a connection that is free again during the pauses. */
  async function lookForAll(): Promise<void> {
    next = undefined;
    if (waiting.size === 0) return;
    isLooking = true;
    const all = [...waiting];
    try {
      const found = await look(driver);
      for (const { position, end } of all) if (covers(found, position)) end();
    } catch (error) {
      for (const { end } of all) end({ error });
    }
    isLooking = false;
    if (waiting.size === 0) return;
    lookIn(pause);
    pause = Math.min(2 * pause, limits.LONGEST_REPLAY_PAUSE);
  }

  async function look(executor: SqlExecutor, options?: CallOptions): Promise<Look> {
    const at = performance.now();
    const losses = driver.lostConnections;
    const { rows } = await executor.execute(STATE, [], { ...options, kind: "point" }).catch((error: unknown) => {
      throw toDaoError(error);
    });
    const [reached, isStandby, isCaughtUp, age] = rows[0] ?? [];
    if (isStandby !== true || isCaughtUp === true) caughtUpAt = at;
    // Each is an upper bound. An idle primary sends no commits, so that the last one may be old while nothing is missing.
    const sinceLastCommit = age === null ? Number.POSITIVE_INFINITY : Math.max(0, Number(age));
    const lag = Math.min(sinceLastCommit, at - caughtUpAt);
    last = { reached: toPosition(String(reached)), isStandby: isStandby === true, lag, at, losses };
    return last;
  }
}

/** A primary has everything, also where a position is from before a failover: what it lacks is lost. */
function covers({ isStandby, reached }: Look, position: DatabasePosition): boolean {
  return !isStandby || position <= reached;
}

function notReplayed(): UnavailableError {
  return new UnavailableError(
    `The standby did not replay the position of readAfter within ${limits.REPLAY_WAIT} ms. Read from the primary, or try again later.`,
  );
}

/** `16/B374D848`, in which leading zeros are omitted, as text that sorts. */
function toPosition(location: string): string {
  return location
    .split("/")
    .map((half) => half.padStart(8, "0"))
    .join("");
}
