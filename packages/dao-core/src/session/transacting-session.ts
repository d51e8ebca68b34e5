import { UnitOfWorkMisuseError } from "../contract/errors.ts";
import { DaoSet } from "./dao-set.ts";
import type { Daos } from "./daos.ts";
import type { DatabaseSession, TransactionOptions } from "./database-session.ts";
import type { SqlDriver, SqlTransaction } from "./driver.ts";
import { toDaoError } from "./postgres-errors.ts";
import type { DatabaseTelemetry } from "./telemetry.ts";
import {
  asCallback,
  foreignTransactionMisuse,
  inTransactionContext,
  interrupt,
  interruptionOf,
  outerSessionMisuse,
  type TransactionContext,
} from "./transaction/transaction-context.ts";
import { withEitherSignal } from "./waiting/abort-signal.ts";
import { withDeadline } from "./waiting/deadline.ts";

/** Makes the DAOs whose calls run in a transaction. */
type DaosWithin = (transaction: SqlTransaction, context: TransactionContext) => Daos;

/** A session on a driver: each call for itself, each transaction on a connection of its own. */
export class TransactingSession extends DaoSet implements DatabaseSession {
  readonly isTransaction: boolean;
  readonly telemetry: DatabaseTelemetry | undefined;
  readonly #source: SqlDriver;
  readonly #daosWithin: DaosWithin;

  /** @param daos those whose calls run each for itself */
  constructor(source: SqlDriver, daos: Daos, daosWithin: DaosWithin, telemetry?: DatabaseTelemetry) {
    super(daos);
    this.isTransaction = source.isTransaction;
    this.telemetry = telemetry;
    this.#source = source;
    this.#daosWithin = daosWithin;
  }

  transaction<Result>(
    work: (session: DatabaseSession) => Promise<Result>,
    options: TransactionOptions = {},
  ): Promise<Result> {
    return followed(this.telemetry, this.isTransaction, () => this.#transact(work, options));
  }

  async runImport<Result>(work: () => Promise<Result>, signal?: AbortSignal): Promise<Result> {
    const misuse = outerSessionMisuse(this.#source);
    if (misuse !== undefined) throw misuse;
    const { imports } = this.#source;
    return imports === undefined ? work() : imports.run(work, signal);
  }

  async #transact<Result>(
    work: (session: DatabaseSession) => Promise<Result>,
    options: TransactionOptions,
  ): Promise<Result> {
    const source = this.#source;
    const misuse = outerSessionMisuse(source);
    if (misuse !== undefined) throw misuse;
    return translated(work, (untranslated) =>
      withDeadline(options, (bounded) =>
        inTransactionContext(source, options.readOnly === true, async (context) => {
          const session = (transaction: SqlTransaction) =>
            new NestedSession(transaction, context, this.#daosWithin, this.telemetry);
          try {
            return await withEitherSignal(interruptionOf(context.outer), bounded.signal, (signal) =>
              source.transaction((transaction) => asCallback(context, () => untranslated(session(transaction))), {
                ...bounded,
                signal,
              }),
            );
          } catch (error) {
            interrupt(context, error);
            throw error;
          } finally {
            context.isOpen = false;
          }
        }),
      ),
    );
  }
}

/** A session within a transaction; its own transactions are savepoints. */
class NestedSession extends DaoSet implements DatabaseSession {
  readonly isTransaction = true;
  readonly #transaction: SqlTransaction;
  readonly #context: TransactionContext;
  readonly #daosWithin: DaosWithin;
  readonly #telemetry: DatabaseTelemetry | undefined;

  constructor(
    transaction: SqlTransaction,
    context: TransactionContext,
    daosWithin: DaosWithin,
    telemetry: DatabaseTelemetry | undefined,
  ) {
    super(daosWithin(transaction, context));
    this.#transaction = transaction;
    this.#context = context;
    this.#daosWithin = daosWithin;
    this.#telemetry = telemetry;
  }

  transaction<Result>(
    work: (session: DatabaseSession) => Promise<Result>,
    options: TransactionOptions = {},
  ): Promise<Result> {
    return followed(this.#telemetry, true, () => this.#transact(work, options));
  }

  async #transact<Result>(
    work: (session: DatabaseSession) => Promise<Result>,
    // It has its connection already: no one waits who could go.
    { signal, timeout, requester: _, ...others }: TransactionOptions,
  ): Promise<Result> {
    const misuse = foreignTransactionMisuse(this.#context);
    if (misuse !== undefined) throw misuse;
    const refused = Object.entries(others).filter(([, value]) => value !== undefined);
    if (refused.length > 0) {
      const names = refused.map(([name]) => name).join(", ");
      throw new UnitOfWorkMisuseError(`A nested unit of work takes ${names} from the outer one. Set it there.`);
    }
    const session = (nested: SqlTransaction) =>
      new NestedSession(nested, this.#context, this.#daosWithin, this.#telemetry);
    return translated(work, (untranslated) =>
      withDeadline({ signal, timeout }, (bounded) =>
        this.#transaction.savepoint(
          (nested) => asCallback(this.#context, () => untranslated(session(nested))),
          bounded,
        ),
      ),
    );
  }
}

/** Runs a unit of work so that telemetry sees it, where there is any. */
function followed<Result>(
  telemetry: DatabaseTelemetry | undefined,
  isNested: boolean,
  run: () => Promise<Result>,
): Promise<Result> {
  return telemetry === undefined ? run() : telemetry.unitOfWork(isNested, run);
}

type Work<Result> = (session: DatabaseSession) => Promise<Result>;

/**
 * Translates what the driver says of beginning and ending a transaction. What `work` throws is the caller's own, also
 * where it looks like a driver's error: a file that is not there is no database that cannot be reached.
 */
async function translated<Result>(
  work: Work<Result>,
  transact: (untranslated: Work<Result>) => Promise<Result>,
): Promise<Result> {
  let callersOwn: { readonly error: unknown } | undefined;
  try {
    return await transact(async (session) => {
      try {
        return await work(session);
      } catch (error) {
        callersOwn = { error };
        throw error;
      }
    });
  } catch (error) {
    throw callersOwn?.error === error ? error : toDaoError(error);
  }
}
