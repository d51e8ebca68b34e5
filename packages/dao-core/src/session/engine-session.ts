import type { DatabaseSession } from "./database-session.ts";
import type { Engine, RunCall } from "./engine.ts";
import { type EngineTransaction, EngineTransactions } from "./engine-transactions.ts";
import { isGivenUp, toDaoError } from "./postgres-errors.ts";
import { type Retry, SINGLE_CALL_RETRIES, withRetries } from "./retry.ts";
import { TransactingSession } from "./transacting-session.ts";
import {
  foreignTransactionMisuse,
  outerSessionMisuse,
  type TransactionContext,
} from "./transaction/transaction-context.ts";
import { readOnlyMisuse } from "./transaction/transaction-misuse.ts";
import { withDeadline } from "./waiting/deadline.ts";

export interface EngineSessionOptions {
  /** Called before a single call that the database gave up for others is tried again; what it throws ends the attempts. */
  readonly onRetry?: ((retry: Retry) => void) | undefined;
}

/**
 * The session that an ORM is, for services, units of work and the HTTP app, in the place of a database of
 * `openDatabase`, by whose `migrate()` its tables are made.
 *
 * A call whose signal aborts is cancelled on the server, over another connection of the ORM's pool; it rejects when the
 * server has ended it.
 */
export function engineSession<Handle>(engine: Engine<Handle>, options: EngineSessionOptions = {}): DatabaseSession {
  const transactions = new EngineTransactions(engine);
  const policy = { ...SINGLE_CALL_RETRIES, isRetryable: isGivenUp, onRetry: options.onRetry };
  const alone: RunCall<Handle> = async (work, callOptions = {}) => {
    const misuse = outerSessionMisuse(transactions);
    if (misuse !== undefined) throw misuse;
    return translated(() =>
      withDeadline(callOptions, ({ signal }) => withRetries(policy, () => transactions.call(work, signal), signal)),
    );
  };
  return new TransactingSession<EngineTransaction<Handle>>(transactions, engine.daos(alone), (transaction, context) =>
    engine.daos(within(transaction, context)),
  );
}

/** Calls of a transaction. */
function within<Handle>(transaction: EngineTransaction<Handle>, context: TransactionContext): RunCall<Handle> {
  return async (work, options = {}) => {
    const misuse = foreignTransactionMisuse(context);
    if (misuse !== undefined) throw misuse;
    return translated(() =>
      withDeadline(options, (bounded) =>
        transaction.call((connection, signal) => connection.call(work, signal), bounded),
      ).catch((error: unknown) => {
        throw context.isReadOnly ? readOnlyMisuse(error) : error;
      }),
    );
  };
}

async function translated<Result>(run: () => Promise<Result>): Promise<Result> {
  try {
    return await run();
  } catch (error) {
    throw toDaoError(error);
  }
}
