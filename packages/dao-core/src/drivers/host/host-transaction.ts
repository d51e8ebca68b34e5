import { EventEmitter } from "node:events";
import { setImmediate as turn } from "node:timers/promises";
import { TransactionLostError } from "../../contract/errors.ts";
import type { SqlResult } from "../../session/driver.ts";
import { ABORT_GRACE } from "../../session/limits.ts";
import { isLossError, withCode } from "../../session/postgres-errors.ts";
import { onAbort, throwIfAborted, untilAborted } from "../../session/waiting/deadline.ts";

/** Whether the connection of an application's transaction is alive, by reports of its client or statements. */
export class HostLink {
  readonly #loss = new AbortController();
  /** Aborts with {@link lossCause} when it is lost or abandoned. */
  readonly lost: AbortSignal = this.#loss.signal;
  /** Whether it is known to be lost, not only abandoned. */
  isGone = false;
  /** Whether a write was refused because the transaction is read-only. */
  isReadOnly = false;
  onLost: (() => void) | undefined;
  /** The identity of the transaction on the server, once it was queried. */
  transaction: Promise<SqlResult> | undefined;

  get isAlive(): boolean {
    return !this.lost.aborted;
  }

  get lossCause(): unknown {
    return this.lost.reason;
  }

  lose(cause: unknown): void {
    this.isGone = true;
    if (!this.isAlive) return;
    this.#loss.abort(cause);
    this.onLost?.();
  }

  /** Treats the connection as lost because it does not respond. If it recovers, it runs the statements already sent. */
  giveUp(cause: unknown): void {
    this.#loss.abort(cause);
    // A callback that gets the error from its statement comes first.
    setImmediate(() => this.onLost?.());
  }

  /**
   * Listens for the loss of a `pg` client, which ends the process without an `error` listener: in a transaction even its pool has
   * none.
   * @returns a function that stops listening
   */
  listen(connection: unknown): () => void {
    if (!(connection instanceof EventEmitter)) return () => undefined;
    const lose = (error: unknown) => this.lose(withCode(error));
    connection.on("error", lose);
    return () => {
      // A lost client emits the error twice; its pool then drops it.
      if (this.isAlive) connection.removeListener("error", lose);
    };
  }
}

/**
 * Whether a statement, sent through here or not, has failed in the transaction of a `pg` client (8.21 or later), or the server has not
 * reported its status yet, which may come in a later packet than the error.
 */
export function mayHaveFailed(connection: unknown): boolean {
  const client: object = Object(connection);
  const status: unknown = Reflect.get(client, "getTransactionStatus");
  if (typeof status !== "function") return false;
  return Reflect.get(client, "readyForQuery") === false || Reflect.apply(status, client, []) === "E";
}

/**
 * Runs `work` in a transaction that an application's client begins, and settles as that does.
 * If the connection is lost, postgres.js ends the transaction by itself, and sends the rollback of a callback that rejects after
 * that over any connection, inside another caller's transaction. So such a callback never settles.
 * @param signal ends the wait for the client to begin; afterwards the running statement and the rollback get {@link ABORT_GRACE}
 * @param coded gives the client's errors a code
 * @throws what `work` throws, even if the client reports another error, such as a failed rollback; the signal's reason;
 *   TransactionLostError
 */
export function inHostTransaction<Handle, Result>(
  begin: (work: (handle: Handle) => Promise<Result>) => PromiseLike<Result>,
  work: (handle: Handle) => Promise<Result>,
  link: HostLink,
  coded: (error: unknown) => unknown,
  signal: AbortSignal | undefined,
): Promise<Result> {
  let working: Promise<Result> | undefined;
  let outcome: { readonly error?: unknown } | undefined;
  let hasClientEnded = false;
  let grace: NodeJS.Timeout | undefined;
  let stopWatching: (() => void) | undefined;
  /** Settles as the client's transaction does, or rejects when the wait for it ends. */
  const waiting = new Promise<Result>((resolve, reject) => {
    let hasBegun = false;
    const ending = (cause: unknown) => new TransactionLostError("unknown", { cause });
    const waitNoLonger = (error: unknown) => {
      const giveUp = () => {
        const isCommitting = outcome !== undefined && !("error" in outcome);
        reject(isCommitting ? ending(error) : error);
      };
      grace ??= setTimeout(giveUp, ABORT_GRACE);
    };
    const abort = () => (hasBegun ? waitNoLonger : reject)(signal?.reason);
    const within = async (handle: Handle): Promise<Result> => {
      throwIfAborted(signal);
      hasBegun = true;
      try {
        working = work(handle);
        const result = await working;
        outcome = {};
        return result;
      } catch (error) {
        outcome = { error };
        if (link.isAlive) throw error;
        waitNoLonger(error);
        await turn();
        if (hasClientEnded) return new Promise<never>(() => undefined);
        throw error;
      }
    };
    stopWatching = signal && onAbort(signal, abort);
    begin(within).then(resolve, async (error: unknown) => {
      hasClientEnded = true;
      if (working !== undefined && outcome === undefined) {
        link.lose(coded(error));
        await working.catch(() => undefined);
      }
      if (outcome !== undefined && "error" in outcome) return reject(outcome.error);
      const reported = coded(error);
      reject(outcome !== undefined && isLossError(reported) ? ending(reported) : reported);
    });
  });
  return waiting.finally(() => {
    stopWatching?.();
    clearTimeout(grace);
  });
}

/**
 * Runs `work` in a savepoint that an application's client sets, and settles as that does, or when the connection is lost.
 * The client learns the outcome of `work` at once or never. After an abandoned savepoint the rollback must precede the
 * application's next statement, or it would undo that too. If the connection is lost, postgres.js would send it over another.
 * @param onBroken called if the savepoint was not set or not rolled back: the server then refuses the rest of the transaction
 * @throws what `work` throws; why the connection was abandoned; TransactionLostError
 */
export async function inHostSavepoint<Handle, Result>(
  savepoint: (work: (handle: Handle) => Promise<Result>) => PromiseLike<Result>,
  work: (handle: Handle) => Promise<Result>,
  link: HostLink,
  coded: (error: unknown) => unknown,
  onBroken: (cause: unknown) => void,
): Promise<Result> {
  let end: (outcome: Promise<Result>) => void = () => undefined;
  const outcome = new Promise<Result>((resolve) => {
    end = resolve;
  });
  let ended: Promise<unknown> = outcome;
  const set = new Promise<Handle>((resolve, reject) => {
    const within = (handle: Handle) => {
      resolve(handle);
      return outcome;
    };
    ended = Promise.resolve(savepoint(within));
    ended.catch(reject);
  });
  const reported = (error: unknown) => {
    const cause = link.isAlive ? coded(error) : error;
    if (link.isAlive && isLossError(cause)) link.lose(cause);
    return link.isGone ? new TransactionLostError("rolled_back", { cause }) : cause;
  };
  const handle = await untilAborted(set, link.lost).catch((error: unknown) => {
    const cause = reported(error);
    onBroken(cause);
    throw cause;
  });
  const working = work(handle);
  const result = await working.catch(async (error: unknown) => {
    if (link.isGone) throw error;
    end(working);
    const endedWith = (failure: unknown) => failure !== error && onBroken(failure);
    await (link.isAlive ? untilAborted(ended, link.lost).catch(endedWith) : turn());
    throw error;
  });
  end(working);
  await untilAborted(ended, link.lost).catch((error: unknown) => {
    // Abandoned but completed: its end was already sent.
    if (link.isAlive || link.isGone) throw reported(error);
  });
  return result;
}
