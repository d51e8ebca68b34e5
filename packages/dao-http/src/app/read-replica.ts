import type { Requester, SchemaSession } from "@flux/dao-core";
import { isDaoError, UnavailableError } from "@flux/dao-core/errors";
import { LATEST } from "../api/operation.ts";
import { type HttpRequest, type HttpResponse, isStreamed } from "../http/http-message.ts";
import { REPLICA_CHECK_INTERVAL, REPLICA_CHECK_TIMEOUT, REPLICA_WAIT } from "../wire/limits.ts";
import type { ServedData } from "./endpoint.ts";
import { failureOf, type ReadinessCheck } from "./health.ts";
import { readPosition } from "./preconditions.ts";

/** The errors of a write by which its caller learns of other writes, which it may want to read. */
const telling: ReadonlySet<unknown> = new Set([
  "conflict",
  "idempotency_key_reused",
  "not_found",
  "related_row_missing",
  "version_mismatch",
]);

/** How a request was served by a primary and its standby. */
export interface Served {
  /** For the response: what later reads must see. */
  position: string | undefined;
  isReadFromStandby: boolean;
}

/** Runs a read that may be abandoned. */
export type Run = (read: () => Promise<HttpResponse>) => Promise<HttpResponse>;

/** Serves a request from the primary, or from another source. */
export type Serve = (data?: ServedData, run?: Run, readAfter?: string) => Promise<HttpResponse>;

export type ReadReplica = ReturnType<typeof readReplica>;

/** A standby for the reads of one schema, while it is ready, and lags by no more than its `maxLag`: checked once a second. */
export function readReplica(primary: SchemaSession, session: SchemaSession, data: ServedData) {
  let isReady = false;
  let checkedAt = Number.NEGATIVE_INFINITY;
  let check: Promise<boolean> | undefined;
  /** Abandon the reads that are running on it. */
  const running = new Set<(error: unknown) => void>();
  let isWatching = false;
  return { serveRead, serveWrite };

  /** Serves a read from the standby, or from the primary if the standby cannot. */
  async function serveRead(http: HttpRequest, serve: Serve, served: Served): Promise<HttpResponse> {
    const position = readPosition(http);
    if (await canServe(position, http)) {
      served.isReadFromStandby = true;
      try {
        return await serve(data, run, position);
      } catch (error) {
        if (!(await isToBlame(error))) throw error;
      }
    }
    served.isReadFromStandby = false;
    const response = await serve();
    // With it, the caller's next reads need not be of the latest.
    if (position === LATEST) served.position = await positionOfPrimary();
    return response;
  }

  /** Serves a write, and learns the position that the caller's next reads must see. */
  async function serveWrite(serve: Serve, served: Served): Promise<HttpResponse> {
    try {
      const response = await serve();
      served.position = await positionOfPrimary();
      return response;
    } catch (error) {
      if (telling.has(Object(error).code)) served.position = await positionOfPrimary();
      throw error;
    }
  }

  /** The position that covers what was committed before; `latest` if it cannot be learned. */
  function positionOfPrimary(): Promise<string> {
    return primary.position().catch(() => LATEST);
  }

  /** Whether it can serve a read now that must see this position; waits a moment for it to be replayed. */
  async function canServe(position: string | undefined, requester: Requester): Promise<boolean> {
    if (position === LATEST || !(await isFresh()) || !session.isStandby) return false;
    if (position === undefined) return true;
    try {
      await session.waitForPosition(position, { timeout: REPLICA_WAIT, requester });
      return session.isStandby;
    } catch (error) {
      requester.signal?.throwIfAborted();
      if (!isDaoError(error)) throw error;
      return false;
    }
  }

  /** Runs a read, which is abandoned if the standby turns out to be silent: it would wait for the time-out of its statement. */
  function run(read: () => Promise<HttpResponse>): Promise<HttpResponse> {
    return new Promise((resolve, reject) => {
      running.add(reject);
      if (!isWatching) setTimeout(watchReads, REPLICA_CHECK_INTERVAL);
      isWatching = true;
      read()
        .then((response) => {
          if (running.delete(reject)) resolve(response);
          // Nobody will read it, and it holds memory.
          else if (isStreamed(response)) void response.body[Symbol.asyncIterator]().return?.();
        }, reject)
        .finally(() => running.delete(reject));
    });
  }

  /** Whether the failure of a read comes from a standby that cannot be used, so that the primary should be asked. */
  async function isToBlame(error: unknown): Promise<boolean> {
    if (error instanceof AbandonedRead) return true;
    if (!isDaoError(error) || (error.code !== "unavailable" && error.code !== "schema_version")) return false;
    return !(await startCheck());
  }

  /** Checks once a second while reads are running, also if no other read comes. */
  function watchReads(): void {
    isWatching = running.size > 0;
    if (!isWatching) return;
    void startCheck();
    setTimeout(watchReads, REPLICA_CHECK_INTERVAL);
  }

  function isFresh(): boolean | Promise<boolean> {
    const isDue = performance.now() - checkedAt > REPLICA_CHECK_INTERVAL;
    const { mayBeStale } = session;
    if (!isDue && !(isReady && mayBeStale)) return isReady;
    const started = startCheck();
    // What was unusable is not waited for.
    return isReady && mayBeStale ? started : isReady;
  }

  function startCheck(): Promise<boolean> {
    check ??= runCheck().finally(() => {
      check = undefined;
    });
    return check;
  }

  async function runCheck(): Promise<boolean> {
    const failure = await failureOf(standbyCheck(session), performance.now() + REPLICA_CHECK_TIMEOUT);
    isReady = failure === undefined;
    checkedAt = performance.now();
    if (failure?.isSilence === true) {
      for (const abandon of running) abandon(new AbandonedRead());
      running.clear();
    }
    return isReady;
  }
}

/** Whether reads may be sent there. A promoted standby is another database, unless its primary is gone. */
export function standbyCheck(session: SchemaSession): ReadinessCheck {
  return async (options) => {
    await session.checkReady(options);
    if (session.isStandby) return;
    throw new UnavailableError("The server for reads is a primary, not a standby: set DATABASE_READ_URL to a standby.");
  };
}

class AbandonedRead extends Error {}
