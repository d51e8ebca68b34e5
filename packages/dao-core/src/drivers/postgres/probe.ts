import { setTimeout as delay } from "node:timers/promises";
import { UnavailableError } from "../../contract/errors.ts";
import type { SqlExecutor, SqlParameter, SqlResult, StatementOptions } from "../../session/driver.ts";
import { PROBE_PATIENCE } from "../../session/limits.ts";
import { withEitherSignal } from "../../session/waiting/deadline.ts";
import { type ConnectionEvents, PostgresConnection } from "./connection.ts";
import type { ConnectionSettings } from "./connection-settings.ts";

/** A connection for one statement has no pool to notify. */
const events: ConnectionEvents = { onLost: () => undefined, onRefused: (_, error) => error };

/** Runs a statement on a connection of the pool and, if none is free for a while, on an extra one: whichever returns first. */
export class PostgresProbe implements SqlExecutor {
  readonly #pooled: SqlExecutor;
  readonly #settings: ConnectionSettings;
  readonly #isClosed: () => boolean;

  /**
   * @param pooled waits for a connection of the pool
   * @param isClosed whether the pool takes no more statements; then no connection is opened beside it
   */
  constructor(pooled: SqlExecutor, settings: ConnectionSettings, isClosed: () => boolean) {
    this.#pooled = pooled;
    this.#settings = settings;
    this.#isClosed = isClosed;
  }

  execute(text: string, parameters: readonly SqlParameter[], { signal }: StatementOptions = {}): Promise<SqlResult> {
    const over = new AbortController();
    return withEitherSignal(signal, over.signal, (either) => this.#first(text, parameters, either, over));
  }

  async #first(
    text: string,
    parameters: readonly SqlParameter[],
    either: AbortSignal,
    over: AbortController,
  ): Promise<SqlResult> {
    const inLine = this.#pooled.execute(text, parameters, { signal: either });
    // A queue that is full or slow says nothing about the server.
    const hasEnded = inLine.then(
      () => true,
      (error: unknown) => this.#isClosed() || !(error instanceof UnavailableError),
    );
    if (await Promise.race([hasEnded, delay(PROBE_PATIENCE, false, { ref: false })])) return inLine;
    const beside = this.#executeBeside(text, parameters, either);
    try {
      return await Promise.race([inLine.catch(() => beside), beside]);
    } finally {
      over.abort();
    }
  }

  async #executeBeside(text: string, parameters: readonly SqlParameter[], signal: AbortSignal): Promise<SqlResult> {
    const connection = await PostgresConnection.open(this.#settings, events, signal);
    try {
      return await connection.execute(text, parameters, signal);
    } finally {
      void connection.close();
    }
  }
}
