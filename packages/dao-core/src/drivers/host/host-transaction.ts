import { setImmediate as turn } from "node:timers/promises";
import { TransactionLostError } from "../../contract/errors.ts";
import { ABORT_GRACE } from "../../session/limits.ts";
import { isLossError } from "../../session/postgres-errors.ts";

import { onAbort, throwIfAborted } from "../../session/waiting/abort-signal.ts";
import type { HostLink } from "./host-link.ts";

interface HostTransactionOptions {
  /** Whether it is a savepoint within another: that is never committed by itself. Default `false`. */
  readonly isSavepoint?: boolean;
  /** Ends the wait for the client to begin; once it has, {@link ABORT_GRACE} later, that for what runs and for its rollback. */
  readonly signal?: AbortSignal | undefined;
  readonly link: HostLink;
  /** Gives the client's errors a code. */
  readonly coded: (error: unknown) => unknown;
}

/**
 * Runs `work` in a transaction, or a savepoint, that an application's client begins, and settles as that does.
 *
 * Where the connection is lost, postgres.js ends the transaction by itself, and sends the rollback of a callback that rejects
 * after that on whichever connection it has then, in the middle of another's transaction. Such a callback never settles.
 * @throws what `work` throws, whatever the client makes of it, such as that its rollback found no connection; the signal's
 *   reason; TransactionLostError
 */
export function inHostTransaction<Handle, Result>(
  begin: (work: (handle: Handle) => Promise<Result>) => PromiseLike<Result>,
  work: (handle: Handle) => Promise<Result>,
  { isSavepoint = false, signal, link, coded }: HostTransactionOptions,
): Promise<Result> {
  let working: Promise<Result> | undefined;
  let outcome: { readonly error?: unknown } | undefined;
  let hasClientEnded = false;
  let grace: NodeJS.Timeout | undefined;
  let stopWatching: (() => void) | undefined;
  /** Settles as the client's transaction does, or rejects when that is waited for no longer. */
  const waiting = new Promise<Result>((resolve, reject) => {
    let hasBegun = false;
    const ending = (cause: unknown) => new TransactionLostError(isSavepoint ? "rolled_back" : "unknown", { cause });
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
        const isLost = !link.isAlive;
        if (isLost) waitNoLonger(error);
        if (isLost && isSavepoint) reject(error);
        else if (isLost) await turn();
        if (isLost && (isSavepoint || hasClientEnded)) return new Promise<never>(() => undefined);
        throw error;
      }
    };
    stopWatching = signal && onAbort(signal, abort);
    begin(within).then(resolve, async (error: unknown) => {
      hasClientEnded = true;
      if (working !== undefined && outcome === undefined) {
        link.lose(error);
        await working.catch(() => undefined);
      }
      if (outcome !== undefined && "error" in outcome) return reject(outcome.error);
      const reported = coded(error);
      if (outcome === undefined || !isLossError(reported)) return reject(reported);
      reject(ending(reported));
    });
  });
  return waiting.finally(() => {
    stopWatching?.();
    clearTimeout(grace);
  });
}
