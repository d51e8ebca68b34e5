import { setTimeout as delay } from "node:timers/promises";
import type { SqlConnection, SqlParameter, SqlResult } from "../../session/driver.ts";
import { ABORT_GRACE, CANCEL_INTERVAL } from "../../session/limits.ts";
import { isLossError, withCode } from "../../session/postgres-errors.ts";

import { onAbort, throwIfAborted } from "../../session/waiting/deadline.ts";
import { giveTurn } from "../../session/waiting/event-loop.ts";
import type { HostClient } from "./host-client.ts";
import type { HostLink } from "./host-link.ts";
import { inHostSavepoint } from "./host-transaction.ts";

/** Runs one statement; errors have a code. */
export async function runOn<Handle>(
  client: HostClient<Handle>,
  handle: Handle,
  text: string,
  parameters: readonly SqlParameter[] = [],
): Promise<SqlResult> {
  // The application's database may be in this process.
  await giveTurn();
  try {
    const rows = await client.execute(handle, withTextInstants(text), [...parameters]);
    return { rows: rows.map((row) => Object.values(row)) };
  } catch (error) {
    throw codedError(client, error);
  }
}

/**
 * The statement with instants as text parameters: postgres.js makes a `Date` of a parameter that the server takes for an instant,
 * and drops its microseconds.
 */
function withTextInstants(text: string): string {
  let changed = textInstants.get(text);
  if (changed === undefined) {
    changed = text.replace(/(\$\d+)::timestamptz/g, "$1::text::timestamptz");
    textInstants.set(text, changed);
  }
  return changed;
}

/** By a statement's text, of which there is one for each shape of filter and update in use. */
const textInstants = new Map<string, string>();

/** The driver's error behind one of the client. */
export function codedError<Handle>({ toDriverError }: HostClient<Handle>, error: unknown): unknown {
  return withCode(toDriverError === undefined ? error : toDriverError(error));
}

/** The connection of a transaction of an application's client. */
export class HostConnection<Handle> implements SqlConnection {
  readonly #client: HostClient<Handle>;
  readonly #handle: Handle;
  readonly #link: HostLink;
  /** Runs the statements that cancel. */
  readonly #beside: Handle | undefined;
  readonly #depth: number;

  constructor(client: HostClient<Handle>, handle: Handle, link: HostLink, depth = 0) {
    this.#client = client;
    this.#handle = handle;
    this.#link = link;
    this.#beside = client.transaction === undefined ? client.beside : client.handle;
    this.#depth = depth;
  }

  get isAlive(): boolean {
    return this.#link.isAlive;
  }

  get lossCause(): unknown {
    return this.#link.lossCause;
  }

  onLost(listener: (() => void) | undefined): void {
    this.#link.onLost(listener);
  }

  drop(cause: unknown): void {
    this.#link.giveUp(cause);
  }

  async execute(text: string, parameters: readonly SqlParameter[], signal?: AbortSignal): Promise<SqlResult> {
    if (signal === undefined) return this.#run(text, parameters);
    // This is a statement itself.
    const cancellation = await this.#waitWhile(this.#cancellation(), signal);
    throwIfAborted(signal);
    return this.#waitWhile(this.#run(text, parameters), signal, cancellation);
  }

  async executeScript(text: string): Promise<void> {
    await this.#run(text);
  }

  async nested<Result>(work: (connection: SqlConnection) => Promise<Result>): Promise<Result> {
    await giveTurn();
    const { savepoint } = this.#client;
    return inHostSavepoint<Handle, Result>(
      (within) => (savepoint === undefined ? this.#bySql(within) : savepoint(this.#handle, within)),
      (handle) => work(new HostConnection(this.#client, handle, this.#link, this.#depth + 1)),
      { link: this.#link, coded: (error) => codedError(this.#client, error) },
    );
  }

  async #bySql<Result>(within: (handle: Handle) => Promise<Result>): Promise<Result> {
    const name = `flux_level_${this.#depth + 1}`;
    const run = (text: string) => this.#client.execute(this.#handle, text, []);
    await run(`savepoint ${name}`);
    const result = await within(this.#handle).catch(async (error: unknown) => {
      await run(`rollback to savepoint ${name}`);
      // Later it might find another transaction there.
      if (this.#link.isAlive) await run(`release savepoint ${name}`);
      throw error;
    });
    await run(`release savepoint ${name}`);
    return result;
  }

  async #run(text: string, parameters?: readonly SqlParameter[]): Promise<SqlResult> {
    try {
      return await runOn(this.#client, this.#handle, text, parameters);
    } catch (error) {
      if (isLossError(error)) this.#link.lose(error);
      throw error;
    }
  }

  /**
   * Waits for a statement, which is cancelled at an abort where there is a `cancellation`, and {@link ABORT_GRACE} longer. The connection
   * of one that has not settled by then counts as lost: nothing behind it would get a response.
   */
  #waitWhile<Result>(result: Promise<Result>, signal: AbortSignal, cancellation?: string): Promise<Result> {
    return new Promise((resolve, reject) => {
      let grace: NodeJS.Timeout | undefined;
      let cancelling: Promise<void> | undefined;
      const settled = new AbortController();
      const stopListening = onAbort(signal, () => {
        if (cancellation !== undefined) cancelling = this.#cancelUntil(settled.signal, cancellation);
        grace = setTimeout(() => {
          this.#link.giveUp(signal.reason);
          reject(signal.reason);
        }, ABORT_GRACE);
      });
      const ended = async () => {
        stopListening();
        clearTimeout(grace);
        settled.abort();
        // A late request would cancel the next statement.
        await cancelling;
      };
      result.finally(ended).then(resolve, (error: unknown) => reject(signal.aborted ? signal.reason : error));
    });
  }

  /** The statement that cancels what runs in this transaction, but not in a later one on its connection. */
  async #cancellation(): Promise<string | undefined> {
    if (this.#beside === undefined) return undefined;
    this.#link.transaction ??= this.#run("select pg_backend_pid() as pid, now()::text as begun").catch((error) => {
      // After a rollback to a savepoint it can be asked again.
      this.#link.transaction = undefined;
      throw error;
    });
    const [pid, begun] = (await this.#link.transaction).rows[0] ?? [];
    return `select pg_cancel_backend(pid) as cancelled from pg_stat_activity
      where pid = ${Number(pid)} and xact_start = '${String(begun)}'::timestamptz`;
  }

  /** Repeats the cancel request until the statement has settled; each may wait for a connection of the pool. */
  async #cancelUntil(settled: AbortSignal, cancellation: string): Promise<void> {
    while (!settled.aborted && this.#beside !== undefined) {
      const request = runOn(this.#client, this.#beside, cancellation).catch(() => undefined);
      await Promise.race([request, delay(ABORT_GRACE, undefined, { ref: false })]);
      await delay(CANCEL_INTERVAL, undefined, { signal: settled, ref: false }).catch(() => undefined);
    }
  }
}
