import { setImmediate as turn } from "node:timers/promises";
import { TransactionLostError } from "../../contract/errors.ts";
import { isLossError, withCode } from "../postgres-errors.ts";
import { onAbort, throwIfAborted } from "../waiting/abort-signal.ts";
import { ABORT_GRACE } from "./interruption.ts";

/** A host's connection, as far as can be told. */
interface HostsLink {
  readonly isAlive: boolean;
  lose(cause: unknown): void;
}

interface HostsTransactionOptions {
  /** Whether it is a savepoint within another: that is never committed by itself. Default `false`. */
  readonly isSavepoint?: boolean;
  /** Ends the wait for the host to begin; once it has, {@link ABORT_GRACE} later, that for what runs and for its rollback. */
  readonly signal?: AbortSignal | undefined;
  readonly link?: HostsLink | undefined;
}

/**
 * Runs `work` in a transaction, or a savepoint, that a host begins, and settles as that does.
 *
 * Where the connection is lost, postgres.js ends the transaction by itself, and sends the rollback of a callback that rejects
 * after that on whichever connection it has then, in the middle of another's transaction. Such a callback never settles.
 * @throws what `work` throws, whatever the host makes of it, such as that its rollback found no connection; the signal's
 *   reason; TransactionLostError
 */
export function inHostsTransaction<Handle, Result>(
  begin: (work: (handle: Handle) => Promise<Result>) => Promise<Result>,
  work: (handle: Handle) => Promise<Result>,
  { isSavepoint = false, signal, link }: HostsTransactionOptions,
): Promise<Result> {
  let working: Promise<Result> | undefined;
  let outcome: { readonly error?: unknown } | undefined;
  let hasHostEnded = false;
  let grace: NodeJS.Timeout | undefined;
  let stopWatching: (() => void) | undefined;
  /** Settles as the host's transaction does, or rejects when that is waited for no longer. */
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
        const isLost = link?.isAlive === false;
        if (isLost) waitNoLonger(error);
        if (isLost && isSavepoint) reject(error);
        else if (isLost) await turn();
        if (isLost && (isSavepoint || hasHostEnded)) return new Promise<never>(() => undefined);
        throw error;
      }
    };
    stopWatching = signal && onAbort(signal, abort);
    begin(within).then(resolve, async (error: unknown) => {
      hasHostEnded = true;
      if (working !== undefined && outcome === undefined && link !== undefined) {
        link.lose(error);
        await working.catch(() => undefined);
      }
      if (outcome !== undefined && "error" in outcome) return reject(outcome.error);
      const coded = withCode(error);
      if (outcome === undefined || !isLossError(coded)) return reject(coded);
      reject(ending(error));
    });
  });
  return waiting.finally(() => {
    stopWatching?.();
    clearTimeout(grace);
  });
}
