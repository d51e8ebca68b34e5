import { is } from "drizzle-orm";
import { PgTransaction } from "drizzle-orm/pg-core";
import type { CallOptions } from "../contract/call-options.ts";
import { UnitOfWorkMisuseError } from "../contract/errors.ts";
import type { TransactionOptions } from "../session/database-session.ts";
import type { SqlDriver, SqlParameter, SqlResult, SqlTransaction } from "../session/driver.ts";
import { type ImportLimit, importLimitOf } from "../session/import-limit.ts";
import { localSettings } from "../session/transaction/begin.ts";
import { inHostsTransaction } from "../session/transaction/host-transaction.ts";
import { OpenTransaction } from "../session/transaction/transaction.ts";
import type { SqlConnection } from "../session/transaction/transaction-connection.ts";
import { throwIfAborted } from "../session/waiting/abort-signal.ts";
import { giveTurn } from "../session/waiting/event-loop.ts";
import { clientOf, DrizzleConnection, DrizzleLink, type HostDrizzle } from "./drizzle-connection.ts";

/**
 * The host's own Drizzle instance, or a transaction of it: that is joined and never ended, and its client and pool are
 * left as they are. Statements are not prepared, that is the host's choice; a signal is respected between them,
 * and no statement is waited for much longer.
 */
export class DrizzleDriver implements SqlDriver {
  readonly description = "the host's Drizzle database";
  readonly imports: ImportLimit | undefined;
  readonly #host: HostDrizzle;
  readonly #link = new DrizzleLink();
  /** The host's transaction, with what was begun and has not ended within it. */
  readonly #joined: SqlTransaction | undefined;

  constructor(host: HostDrizzle) {
    this.#host = host;
    this.#joined = is(host, PgTransaction) ? OpenTransaction.join(new DrizzleConnection(host, this.#link)) : undefined;
    this.imports = this.#joined === undefined ? importLimitOf(Object(clientOf(host) ?? host)) : undefined;
  }

  get isTransaction(): boolean {
    return this.#joined !== undefined;
  }

  async execute(text: string, parameters: readonly SqlParameter[], options?: CallOptions): Promise<SqlResult> {
    if (this.#joined !== undefined) return this.#joined.execute(text, parameters, options);
    throwIfAborted(options?.signal);
    return new DrizzleConnection(this.#host).execute(text, parameters, options?.signal);
  }

  async transaction<Result>(
    work: (transaction: SqlTransaction) => Promise<Result>,
    options: TransactionOptions = {},
  ): Promise<Result> {
    const { isolationLevel, readOnly, signal } = options;
    const settings = localSettings(options);
    await giveTurn();
    throwIfAborted(signal);
    if (this.#joined !== undefined) {
      const isPlain = isolationLevel === undefined && readOnly === undefined && settings.length === 0;
      if (isPlain) return this.#listening(this.#joined.savepoint(work, { signal }));
      throw new UnitOfWorkMisuseError("The transaction is the host's, and open already. Set its options there.");
    }
    const hostsOptions = {
      ...(isolationLevel !== undefined && { isolationLevel }),
      ...(readOnly === true && { accessMode: "read only" as const }),
    };
    const hasOptions = Object.keys(hostsOptions).length > 0;
    const link = new DrizzleLink();
    let stopListening: () => void = () => undefined;
    try {
      return await inHostsTransaction(
        (within) => this.#host.transaction(within, ...(hasOptions ? [hostsOptions] : [])),
        async (host: HostDrizzle) => {
          stopListening = link.listen(host);
          const connection: SqlConnection = new DrizzleConnection(host, link);
          for (const setting of settings) await connection.executeScript(setting);
          return OpenTransaction.within(connection, work, signal);
        },
        { signal, link },
      );
    } finally {
      // Not before the host has given its client back: from there on its pool listens.
      stopListening();
    }
  }

  async #listening<Result>(savepoint: Promise<Result>): Promise<Result> {
    const stopListening = this.#link.listen(this.#host);
    try {
      return await savepoint;
    } finally {
      stopListening();
    }
  }

  /** Nothing to do: the connection is the host's. */
  async close(): Promise<void> {}
}
