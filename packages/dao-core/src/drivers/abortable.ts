import { setTimeout as delay } from "node:timers/promises";
import { ABORT_GRACE, CANCEL_INTERVAL } from "../session/limits.ts";
import { onAbort } from "../session/waiting/deadline.ts";

/** How a statement whose signal aborts is ended. */
interface Cancellation {
  /** Asks the server to cancel the running statement. Repeated until that has settled, since a request may arrive too early. */
  readonly cancel?: ((settled: AbortSignal) => Promise<unknown>) | undefined;
  /** Called when the statement has not settled {@link ABORT_GRACE} after the abort. */
  readonly giveUp?: () => void;
}

/** Settles as `statement` does; after an abort with the signal's reason, once that is cancelled, or {@link ABORT_GRACE} over. */
export function abortable<Result>(
  statement: PromiseLike<Result>,
  signal: AbortSignal,
  { cancel, giveUp }: Cancellation,
): Promise<Result> {
  return new Promise((resolve, reject) => {
    let grace: NodeJS.Timeout | undefined;
    let cancelling: Promise<void> | undefined;
    let settled: AbortController | undefined;
    const stopListening = onAbort(signal, () => {
      grace = setTimeout(() => {
        giveUp?.();
        reject(signal.reason);
      }, ABORT_GRACE);
      settled = new AbortController();
      cancelling = cancel && cancelUntil(settled.signal, cancel);
    });
    const ended = async () => {
      stopListening();
      clearTimeout(grace);
      settled?.abort();
      // A late request would cancel the next statement.
      await cancelling;
    };
    statement.then(
      (result) => ended().then(() => resolve(result)),
      (error: unknown) => ended().then(() => reject(signal.aborted ? signal.reason : error)),
    );
  });
}

async function cancelUntil(settled: AbortSignal, cancel: (settled: AbortSignal) => Promise<unknown>): Promise<void> {
  while (!settled.aborted) {
    await Promise.race([cancel(settled).catch(() => undefined), delay(ABORT_GRACE, undefined, { ref: false })]);
    await delay(CANCEL_INTERVAL, undefined, { signal: settled, ref: false }).catch(() => undefined);
  }
}
