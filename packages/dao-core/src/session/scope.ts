import { UnitOfWorkMisuseError } from "../contract/errors.ts";
import type { TransactionOptions } from "./database-session.ts";
import type { SqlDriver, SqlExecutor, SqlTransaction } from "./driver.ts";
import { driverExecutor, type StatementHooks, transactionExecutor } from "./executor.ts";
import type { Instrumentation } from "./instrumentation.ts";
import type { Scope } from "./session.ts";
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

/** A driver: each statement runs by itself, each transaction on a connection of its own. */
export class DriverScope implements Scope {
  readonly isTransaction: boolean;
  readonly executor: SqlExecutor;
  readonly telemetry: Instrumentation | undefined;
  readonly #driver: SqlDriver;
  readonly #hooks: StatementHooks;

  constructor(driver: SqlDriver, hooks: StatementHooks) {
    this.isTransaction = driver.isTransaction;
    this.executor = driverExecutor(driver, hooks);
    this.telemetry = hooks.telemetry;
    this.#driver = driver;
    this.#hooks = hooks;
  }

  async begin<Result>(work: (scope: Scope) => Promise<Result>, options: TransactionOptions): Promise<Result> {
    this.#assertOutside();
    const driver = this.#driver;
    return withDeadline(options, (bounded) =>
      inTransactionContext(driver, options.readOnly === true, async (context) => {
        const begun = (transaction: SqlTransaction) =>
          asCallback(context, () => work(new TransactionScope(transaction, context, this.#hooks)));
        try {
          return await withEitherSignal(interruptionOf(context.outer), bounded.signal, (signal) =>
            driver.transaction(begun, { ...bounded, signal }),
          );
        } catch (error) {
          interrupt(context, error);
          throw error;
        } finally {
          context.isOpen = false;
        }
      }),
    );
  }

  async runImport<Result>(work: () => Promise<Result>, signal?: AbortSignal): Promise<Result> {
    this.#assertOutside();
    const { imports } = this.#driver;
    return imports === undefined ? work() : imports.run(work, signal);
  }

  #assertOutside(): void {
    const misuse = outerSessionMisuse(this.#driver);
    if (misuse !== undefined) throw misuse;
  }
}

/** An open transaction; those begun within it are savepoints. */
class TransactionScope implements Scope {
  readonly isTransaction = true;
  readonly executor: SqlExecutor;
  readonly telemetry: Instrumentation | undefined;
  readonly #transaction: SqlTransaction;
  readonly #context: TransactionContext;
  readonly #hooks: StatementHooks;

  constructor(transaction: SqlTransaction, context: TransactionContext, hooks: StatementHooks) {
    this.executor = transactionExecutor(transaction, context, hooks);
    this.telemetry = hooks.telemetry;
    this.#transaction = transaction;
    this.#context = context;
    this.#hooks = hooks;
  }

  async begin<Result>(
    work: (scope: Scope) => Promise<Result>,
    // It has its connection already: no requester waits for one.
    { signal, timeout, requester: _, ...others }: TransactionOptions,
  ): Promise<Result> {
    const misuse = foreignTransactionMisuse(this.#context);
    if (misuse !== undefined) throw misuse;
    const refused = Object.entries(others).filter(([, value]) => value !== undefined);
    if (refused.length > 0) {
      const names = refused.map(([name]) => name).join(", ");
      throw new UnitOfWorkMisuseError(`A nested unit of work takes ${names} from the outer one. Set it there.`);
    }
    const begun = (nested: SqlTransaction) =>
      asCallback(this.#context, () => work(new TransactionScope(nested, this.#context, this.#hooks)));
    return withDeadline({ signal, timeout }, (bounded) => this.#transaction.savepoint(begun, bounded));
  }

  /** Runs it at once: it has its connection already. */
  runImport<Result>(work: () => Promise<Result>): Promise<Result> {
    return work();
  }
}
