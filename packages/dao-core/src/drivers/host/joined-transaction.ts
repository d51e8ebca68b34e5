import { UnitOfWorkMisuseError } from "../../contract/errors.ts";
import type { TransactionOptions } from "../../session/database-session.ts";
import {
  type SqlDriver,
  type SqlParameter,
  type SqlResult,
  type SqlTransaction,
  type StatementOptions,
  transactionSettings,
} from "../../session/driver.ts";
import { OpenTransaction } from "../../session/transaction/transaction.ts";
import { throwIfAborted } from "../../session/waiting/deadline.ts";
import { giveTurn } from "../../session/waiting/event-loop.ts";
import type { HostClient } from "./host-client.ts";
import { HostConnection } from "./host-connection.ts";
import { HostLink } from "./host-link.ts";

/** A transaction that the application has open: units of work are savepoints in it, and it is never ended here. */
export class JoinedTransaction<Handle> implements SqlDriver {
  readonly description: string;
  readonly isTransaction = true;
  readonly #client: HostClient<Handle>;
  readonly #link = new HostLink();
  /** The levels that are open within it. */
  readonly #transaction: SqlTransaction;

  constructor(client: HostClient<Handle>) {
    this.description = client.description;
    this.#client = client;
    this.#transaction = OpenTransaction.join(new HostConnection(client, client.handle, this.#link));
  }

  execute(text: string, parameters: readonly SqlParameter[], options?: StatementOptions): Promise<SqlResult> {
    return this.#transaction.execute(text, parameters, options);
  }

  async transaction<Result>(
    work: (transaction: SqlTransaction) => Promise<Result>,
    options: TransactionOptions = {},
  ): Promise<Result> {
    const { signal, readOnly } = options;
    if (readOnly !== undefined || transactionSettings(options).length > 0) {
      throw new UnitOfWorkMisuseError("The transaction is the application's, and open already. Set its options there.");
    }
    await giveTurn();
    throwIfAborted(signal);
    const { connectionOf, handle } = this.#client;
    const stopListening = this.#link.listen(await connectionOf?.(handle));
    try {
      return await this.#transaction.savepoint(work, { signal });
    } finally {
      stopListening();
    }
  }

  /** Nothing to do: the connection is the application's. */
  async close(): Promise<void> {}
}
