import { setTimeout as delay } from "node:timers/promises";
import { DaoUnitOfWork, type Database, isDaoError } from "@flux/dao-core";
import type { FaultyServer } from "./faulty-server.ts";
import { APPLICATION, POOL_SIZE, RECOVERY } from "./limits.ts";
import type { Tally } from "./tally.ts";

/** Counts uncaught errors until it is disposed of. */
export function watchUncaught(tally: () => Tally): Disposable {
  const note = (error: unknown) => tally().violate("uncaught error", describeError(error));
  process.on("uncaughtException", note);
  process.on("unhandledRejection", note);
  return {
    [Symbol.dispose]() {
      process.off("uncaughtException", note);
      process.off("unhandledRejection", note);
    },
  };
}

/** How much longer to wait for a late promise, so that its outcome counts too. */
const PATIENCE = 15_000;

/** A promise that never settled: its caller hangs. */
export class NeverSettledError extends Error {}

/**
 * Settles as `call` does, and counts a violation if that is after the deadline.
 * @throws NeverSettledError if it does not settle at all
 */
export async function withinDeadline<Result>(
  call: () => Promise<Result>,
  deadline: number,
  tally: Tally,
  what: string,
): Promise<Result> {
  const begun = performance.now();
  let timer: NodeJS.Timeout | undefined;
  const never = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new NeverSettledError(what)), deadline + PATIENCE);
  });
  try {
    return await Promise.race([call(), never]);
  } finally {
    clearTimeout(timer);
    const took = performance.now() - begun;
    tally.slowestCall = Math.max(tally.slowestCall, took);
    if (took > deadline) tally.violate("late promise", `${what} took ${Math.round(took)} ms of ${deadline}`);
  }
}

/** How soon after the end of a fault new work succeeds: the workers' own, or a transaction beside them. */
export class Service {
  #endOfFault = Number.POSITIVE_INFINITY;
  #took: number | undefined;

  faultEnded(): void {
    this.#endOfFault = performance.now();
  }

  /** Reports that work which began at `begun` has succeeded now. */
  served(begun: number): void {
    if (begun >= this.#endOfFault) this.#took ??= performance.now() - this.#endOfFault;
  }

  /**
   * Waits for that, and counts a violation if it takes too long. On a busy machine a transaction beside the workers may wait
   * longer than the pool permits: then the workers' success shows that service is restored.
   */
  async restored(database: Database, tally: Tally): Promise<void> {
    while (this.#took === undefined && performance.now() - this.#endOfFault < 5 * RECOVERY) {
      const begun = performance.now();
      await DaoUnitOfWork.run(database, async () => this.served(begun)).catch((error: unknown) => {
        if (!isDaoError(error)) tally.violate("foreign error", describeError(error));
      });
      await delay(5);
    }
    const took = this.#took ?? performance.now() - this.#endOfFault;
    tally.slowestRecovery = Math.max(tally.slowestRecovery, took);
    if (took <= RECOVERY) return;
    const outcome = this.#took === undefined ? "not served" : "served";
    tally.violate("not restored in time", `${outcome} after ${Math.round(took)} ms`);
  }
}

/**
 * Has the pool run as many concurrent transactions as it has connections, within the time to recover. A lost connection
 * that this process has not noticed yet may fail one of them: then all are started again.
 */
export async function checkSlots(database: Database, tally: Tally): Promise<void> {
  const end = performance.now() + RECOVERY;
  for (;;) {
    const { inside, error } = await fillSlots(database, end - performance.now());
    if (inside === POOL_SIZE && error === undefined) return;
    if (performance.now() >= end) {
      tally.violate("slot leaked", `${inside} of ${POOL_SIZE} transactions ran at once; ${describeError(error)}`);
      return;
    }
  }
}

/** How many transactions, of as many as the pool's size, ran at once, and the first error. */
async function fillSlots(database: Database, timeout: number): Promise<{ inside: number; error: unknown }> {
  let inside = 0;
  let error: unknown;
  let release: () => void = () => undefined;
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const expiry = setTimeout(release, timeout);
  const transactions = Array.from({ length: POOL_SIZE }, () =>
    DaoUnitOfWork.run(database, async () => {
      if (++inside === POOL_SIZE) release();
      await released;
    }).catch((reason: unknown) => {
      error ??= reason;
      release();
    }),
  );
  await Promise.all(transactions);
  clearTimeout(expiry);
  return { inside, error };
}

interface Backends {
  readonly total: number;
  readonly inTransaction: number;
  readonly busy: number;
}

/** Waits until none of the pool's sessions is busy on the server; counts what stays idle in a transaction. */
export async function checkBackends(server: FaultyServer, database: string, tally: Tally): Promise<void> {
  const begun = performance.now();
  for (;;) {
    const [backends] = await server.admin<Backends[]>`
      select count(*)::int as total, count(*) filter (where state like 'idle in transaction%')::int as "inTransaction",
        count(*) filter (where state <> 'idle')::int as busy
      from pg_stat_activity where application_name = ${APPLICATION} and datname = ${database}`;
    if (backends === undefined || (backends.busy === 0 && backends.total <= POOL_SIZE)) return;
    if (performance.now() - begun > RECOVERY) {
      const detail = `${backends.total} backends, ${backends.busy} busy, ${backends.inTransaction} idle in a transaction`;
      tally.violate(backends.inTransaction > 0 ? "idle in transaction" : "slot leaked", detail);
      return;
    }
    await delay(5);
  }
}

/** An error and its causes in one line. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = "code" in error ? ` (${String(error.code)})` : "";
  const cause = error.cause === undefined ? "" : ` < ${describeError(error.cause)}`;
  return `${error.name}${code}: ${error.message}${cause}`;
}
