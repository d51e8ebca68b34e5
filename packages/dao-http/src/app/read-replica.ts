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
  position?: string;
  isReadFromStandby?: boolean;
}

/** Serves a request from the primary, or from another source. */
type Serve = (data?: ServedData, replica?: ReadReplica, readAfter?: string) => Promise<HttpResponse>;

/** A standby for the reads of one schema, while it is ready, and lags by no more than its `maxLag`: checked once a second. */
export class ReadReplica {
  readonly #data: ServedData;
  readonly #primary: SchemaSession;
  readonly #session: SchemaSession;
  #isReady = false;
  #checkedAt = Number.NEGATIVE_INFINITY;
  #check: Promise<boolean> | undefined;
  /** Abandon the reads that are running on it. */
  readonly #running = new Set<(error: unknown) => void>();
  #watch: ReturnType<typeof setTimeout> | undefined;

  constructor(primary: SchemaSession, session: SchemaSession, data: ServedData) {
    this.#primary = primary;
    this.#session = session;
    this.#data = data;
  }

  /** Serves a read from the standby, or from the primary if the standby cannot. */
  async serveRead(http: HttpRequest, serve: Serve, served: Served): Promise<HttpResponse> {
    const position = readPosition(http);
    if (await this.#canServe(position, http)) {
      served.isReadFromStandby = true;
      try {
        return await serve(this.#data, this, position);
      } catch (error) {
        if (!(await this.#isToBlame(error))) throw error;
      }
    }
    served.isReadFromStandby = false;
    const response = await serve();
    // With it, the caller's next reads need not be of the latest.
    if (position === LATEST) served.position = await this.#positionOfPrimary();
    return response;
  }

  /** Serves a write, and learns the position that the caller's next reads must see. */
  async serveWrite(serve: Serve, served: Served): Promise<HttpResponse> {
    try {
      const response = await serve();
      served.position = await this.#positionOfPrimary();
      return response;
    } catch (error) {
      if (telling.has(Object(error).code)) served.position = await this.#positionOfPrimary();
      throw error;
    }
  }

  /** The position that covers what was committed before; `latest` if it cannot be learned. */
  #positionOfPrimary(): Promise<string> {
    return this.#primary.position().catch(() => LATEST);
  }

  /** Whether it can serve a read now that must see this position; waits a moment for it to be replayed. */
  async #canServe(position: string | undefined, requester: Requester): Promise<boolean> {
    if (position === LATEST || !(await this.#isFresh()) || !this.#session.isStandby) return false;
    if (position === undefined) return true;
    try {
      await this.#session.waitForPosition(position, { timeout: REPLICA_WAIT, requester });
      return this.#session.isStandby;
    } catch (error) {
      requester.signal?.throwIfAborted();
      if (!isDaoError(error)) throw error;
      return false;
    }
  }

  /** Runs a read, which is abandoned if the standby turns out to be silent: it would wait for the time-out of its statement. */
  run(read: () => Promise<HttpResponse>): Promise<HttpResponse> {
    return new Promise((resolve, reject) => {
      this.#running.add(reject);
      this.#watch ??= setTimeout(() => this.#watchReads(), REPLICA_CHECK_INTERVAL);
      read()
        .then((response) => {
          if (this.#running.delete(reject)) resolve(response);
          // Nobody will read it, and it holds memory.
          else if (isStreamed(response)) void response.body[Symbol.asyncIterator]().return?.();
        }, reject)
        .finally(() => this.#running.delete(reject));
    });
  }

  /** Whether the failure of a read comes from a standby that cannot be used, so that the primary should be asked. */
  async #isToBlame(error: unknown): Promise<boolean> {
    if (error instanceof AbandonedRead) return true;
    if (!isDaoError(error) || (error.code !== "unavailable" && error.code !== "schema_version")) return false;
    return !(await this.#startCheck());
  }

  /** Checks once a second while reads are running, also if no other read comes. */
  #watchReads(): void {
    this.#watch = undefined;
    if (this.#running.size === 0) return;
    void this.#startCheck();
    this.#watch = setTimeout(() => this.#watchReads(), REPLICA_CHECK_INTERVAL);
  }

  #isFresh(): boolean | Promise<boolean> {
    const isDue = performance.now() - this.#checkedAt > REPLICA_CHECK_INTERVAL;
    const mayBeStale = this.#session.mayBeStale;
    if (!isDue && !(this.#isReady && mayBeStale)) return this.#isReady;
    const check = this.#startCheck();
    // What was unusable is not waited for.
    return this.#isReady && mayBeStale ? check : this.#isReady;
  }

  #startCheck(): Promise<boolean> {
    this.#check ??= this.#runCheck().finally(() => {
      this.#check = undefined;
    });
    return this.#check;
  }

  async #runCheck(): Promise<boolean> {
    const failure = await failureOf(standbyCheck(this.#session), performance.now() + REPLICA_CHECK_TIMEOUT);
    this.#isReady = failure === undefined;
    this.#checkedAt = performance.now();
    if (failure?.isSilence === true) {
      for (const abandon of this.#running) abandon(new AbandonedRead());
      this.#running.clear();
    }
    return this.#isReady;
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
