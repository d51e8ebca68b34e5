import { setTimeout as delay } from "node:timers/promises";
import { v7 as uuidv7 } from "uuid";
import type { TransactionOptions } from "./database-session.ts";
import type { Engine } from "./engine.ts";
import { ImportLimit } from "./import-limit.ts";
import { withCode } from "./postgres-errors.ts";
import { localSettings } from "./transaction/begin.ts";
import { inHostsTransaction } from "./transaction/host-transaction.ts";
import { OpenTransaction } from "./transaction/transaction.ts";
import type { TransactionConnection } from "./transaction/transaction-connection.ts";
import { onAbort, throwIfAborted } from "./waiting/abort-signal.ts";

/** A transaction of an engine's, as a connection. Whether it is alive, its errors tell. */
class EngineConnection<Handle> implements TransactionConnection<EngineConnection<Handle>> {
  readonly isAlive = true;
  readonly #engine: Engine<Handle>;
  readonly #handle: Handle;

  constructor(engine: Engine<Handle>, handle: Handle) {
    this.#engine = engine;
    this.#handle = handle;
  }

  async executeScript(text: string): Promise<void> {
    await coded(() => this.#engine.execute(this.#handle, text));
  }

  /** Runs a call of a DAO; when the signal aborts, the server is told to cancel what of it runs. */
  call<Result>(work: (handle: Handle) => Promise<Result>, signal: AbortSignal | undefined): Promise<Result> {
    const run = () => coded(() => work(this.#handle));
    return signal === undefined ? run() : this.#cancellable(run, signal);
  }

  async #cancellable<Result>(run: () => Promise<Result>, signal: AbortSignal): Promise<Result> {
    // By this name the server finds the connection, for as long as the transaction is open.
    const name = `flux-dao ${uuidv7()}`;
    await this.executeScript(`set local application_name = '${name}'`);
    throwIfAborted(signal);
    const settled = new AbortController();
    let cancelling: Promise<void> | undefined;
    const stopListening = onAbort(signal, () => {
      cancelling = cancelUntil(settled.signal, this.#engine, name);
    });
    try {
      return await run();
    } catch (error) {
      throw signal.aborted ? signal.reason : error;
    } finally {
      stopListening();
      settled.abort();
      await cancelling;
    }
  }
}

/** Milliseconds between two cancel requests: one that comes between two steps of a statement does nothing. */
const CANCEL_INTERVAL = 50;
/** Milliseconds for which a cancel request may wait for a connection of the pool, which may be all in use. */
const CANCEL_PATIENCE = 1_000;

/**
 * Has the server cancel what the connection of this name runs, again and again until it is settled. A request that comes too
 * late does no harm: when the transaction has ended, nobody has the name.
 */
async function cancelUntil<Handle>(settled: AbortSignal, engine: Engine<Handle>, name: string): Promise<void> {
  const statement = `select pg_cancel_backend(pid) from pg_stat_activity where application_name = '${name}'`;
  while (!settled.aborted) {
    const request = engine.execute(engine.database, statement).catch(() => undefined);
    await Promise.race([request, delay(CANCEL_PATIENCE, undefined, { ref: false })]);
    await delay(CANCEL_INTERVAL, undefined, { signal: settled, ref: false }).catch(() => undefined);
  }
}

/** The transactions of an engine, with what all drivers hold to: nothing swallowed, nothing forgotten, one level at a time. */
export class EngineTransactions<Handle> {
  readonly isTransaction = false;
  readonly imports: ImportLimit;
  readonly #engine: Engine<Handle>;

  constructor(engine: Engine<Handle>) {
    this.imports = new ImportLimit(() => engine.poolSize ?? 1);
    this.#engine = engine;
  }

  /** Runs a call by itself. One that can be given up has a connection to itself, so that no other call is cancelled. */
  call<Result>(work: (handle: Handle) => Promise<Result>, signal: AbortSignal | undefined): Promise<Result> {
    if (signal === undefined) return coded(() => work(this.#engine.database));
    return this.transaction((transaction) => transaction.call((connection) => connection.call(work, signal)), {
      signal,
    });
  }

  async transaction<Result>(
    work: (transaction: EngineTransaction<Handle>) => Promise<Result>,
    options: TransactionOptions = {},
  ): Promise<Result> {
    const { isolationLevel, readOnly, signal } = options;
    const settings = localSettings(options);
    throwIfAborted(signal);
    return inHostsTransaction<Handle, Result>(
      (within) => this.#engine.transaction(within, { isolationLevel, readOnly }),
      async (handle) => {
        const connection = new EngineConnection(this.#engine, handle);
        for (const setting of settings) await connection.executeScript(setting);
        return OpenTransaction.within(connection, work, signal);
      },
      { signal },
    );
  }
}

export type EngineTransaction<Handle> = OpenTransaction<EngineConnection<Handle>>;

async function coded<Result>(run: () => Promise<Result>): Promise<Result> {
  try {
    return await run();
  } catch (error) {
    throw withCode(error);
  }
}
