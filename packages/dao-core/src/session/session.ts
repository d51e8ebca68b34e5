import { UnitOfWorkMisuseError, ValidationError } from "../contract/errors.ts";
import type { Daos, DatabaseSession, TransactionOptions } from "./database-session.ts";
import { poolOf, type SchemaExecutor, type SqlDriver, type SqlTransaction } from "./driver.ts";
import { driverExecutor, instrumented, type StatementHooks, transactionExecutor } from "./executor.ts";
import type { Instrumentation } from "./instrumentation.ts";
import type { PieceReads } from "./piece-reads.ts";
import { toDaoError } from "./postgres-errors.ts";
import {
  Callback,
  foreignTransactionMisuse,
  interrupt,
  interruptionOf,
  misuse,
  outerSessionMisuse,
  type TransactionContext,
  transactionContext,
} from "./transaction/transaction-context.ts";
import { withDeadline, withEitherSignal } from "./waiting/deadline.ts";

type Work<Result> = (session: DatabaseSession) => Promise<Result>;

/** Has DAOs: what a session and a unit of work have in common. */
export abstract class DaoSet implements Daos {
  readonly users: Daos["users"];
  readonly goals: Daos["goals"];
  readonly milestones: Daos["milestones"];
  readonly tasks: Daos["tasks"];
  readonly conversations: Daos["conversations"];
  readonly demoFlags: Daos["demoFlags"];
  readonly idempotencyKeys: Daos["idempotencyKeys"];

  constructor(daos: Daos) {
    this.users = daos.users;
    this.goals = daos.goals;
    this.milestones = daos.milestones;
    this.tasks = daos.tasks;
    this.conversations = daos.conversations;
    this.demoFlags = daos.demoFlags;
    this.idempotencyKeys = daos.idempotencyKeys;
  }
}

/** What the sessions of one schema have in common. */
export interface SessionSettings {
  readonly daosOn: (executor: SchemaExecutor) => Daos;
  readonly piecesOn: (executor: SchemaExecutor) => PieceReads;
  readonly hooks: StatementHooks;
}

/** The DAOs on one executor, and transactions. */
abstract class Session extends DaoSet implements DatabaseSession {
  abstract readonly isTransaction: boolean;
  readonly telemetry: Instrumentation | undefined;
  /** The schema of the tables. */
  readonly schema: string;
  protected readonly executor: SchemaExecutor;
  protected readonly common: SessionSettings;

  constructor(executor: SchemaExecutor, common: SessionSettings) {
    super(common.daosOn(executor));
    this.telemetry = common.hooks.telemetry;
    this.schema = executor.schema.name;
    this.executor = executor;
    this.common = common;
  }

  /** Reads whose memory does not depend on the length of rows. */
  get pieces(): PieceReads {
    return this.common.piecesOn(this.executor);
  }

  transaction<Result>(work: Work<Result>, options: TransactionOptions = {}): Promise<Result> {
    const callback = new Callback(work, options);
    const run = () => this.#run(callback, options);
    if (this.telemetry === undefined) return run();
    const operation = { kind: "unit of work", isNested: this.isTransaction, schema: this.schema } as const;
    return instrumented(this.telemetry, operation, run);
  }

  /**
   * Translates the driver's errors of beginning and ending a transaction. Errors of the callback are the caller's own, even if they
   * look like a driver's: a missing file does not mean that the database is unreachable.
   */
  async #run<Result>(callback: Callback<DatabaseSession, Result>, options: TransactionOptions): Promise<Result> {
    try {
      return await this.begin(callback, options);
    } catch (error) {
      throw callback.hasThrown(error) ? error : toDaoError(error);
    }
  }

  /** Runs a callback in a transaction of its own, or in a savepoint of this one. May throw. */
  protected abstract begin<Result>(
    callback: Callback<DatabaseSession, Result>,
    options: TransactionOptions,
  ): Promise<Result>;

  abstract runImport<Result>(work: () => Promise<Result>, signal?: AbortSignal): Promise<Result>;
}

/** On a driver: each statement runs by itself, each transaction on a connection of its own. */
export class DriverSession extends Session {
  readonly isTransaction: boolean;
  protected readonly driver: SqlDriver;

  constructor(driver: SqlDriver, common: SessionSettings) {
    super(driverExecutor(driver, common.hooks), common);
    this.isTransaction = driver.isTransaction;
    this.driver = driver;
  }

  protected begin<Result>(callback: Callback<DatabaseSession, Result>, given: TransactionOptions): Promise<Result> {
    this.#assertOutside();
    const { isReadOnly, replication } = this.common.hooks;
    if (isReadOnly && given.isolationLevel === "serializable") {
      const message = 'cannot be "serializable" with readOnly, since a hot standby is not: use "repeatable read"';
      throw new ValidationError([{ path: "isolationLevel", message }]);
    }
    const options = isReadOnly && !this.isTransaction ? { ...given, readOnly: true } : given;
    return withDeadline(options, (bounded) => {
      const { readAfter } = options;
      if (readAfter === undefined) return this.#runIn(bounded, callback);
      return replication.covering(readAfter, bounded, (check) => this.#runIn(bounded, callback, check));
    });
  }

  /** @param check called with a connection, before the callback */
  async #runIn<Result>(
    bounded: TransactionOptions,
    callback: Callback<DatabaseSession, Result>,
    check?: () => void,
  ): Promise<Result> {
    const context = transactionContext(poolOf(this.driver), bounded.readOnly === true);
    const begun = (transaction: SqlTransaction) => {
      check?.();
      return callback.run(context, new TransactionSession(transaction, context, this.common));
    };
    try {
      return await withEitherSignal(interruptionOf(context.outer), bounded.signal, (signal) =>
        this.driver.transaction(begun, { ...bounded, signal }),
      );
    } catch (error) {
      interrupt(context, error);
      throw error;
    } finally {
      context.isOpen = false;
    }
  }

  async runImport<Result>(work: () => Promise<Result>, signal?: AbortSignal): Promise<Result> {
    this.#assertOutside();
    if (this.common.hooks.isReadOnly) throw misuse("databaseIsReadOnly");
    const { imports } = this.driver;
    return imports === undefined ? work() : imports.run(work, signal);
  }

  #assertOutside(): void {
    const misuse = outerSessionMisuse(poolOf(this.driver));
    if (misuse !== undefined) throw misuse;
  }
}

/** In an open transaction; transactions within it are savepoints. */
class TransactionSession extends Session {
  readonly isTransaction = true;
  readonly ordersCalls = true;
  readonly #transaction: SqlTransaction;
  readonly #context: TransactionContext;

  constructor(transaction: SqlTransaction, context: TransactionContext, common: SessionSettings) {
    super(transactionExecutor(transaction, context, common.hooks), common);
    this.#transaction = transaction;
    this.#context = context;
  }

  protected begin<Result>(
    callback: Callback<DatabaseSession, Result>,
    // The transaction has its connection, so no requester waits for one.
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
      callback.run(this.#context, new TransactionSession(nested, this.#context, this.common));
    return withDeadline({ signal, timeout }, (bounded) => this.#transaction.savepoint(begun, bounded));
  }

  /** Runs at once, since the transaction has its connection. */
  runImport<Result>(work: () => Promise<Result>): Promise<Result> {
    return work();
  }
}
