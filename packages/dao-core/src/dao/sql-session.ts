import { UnitOfWorkMisuseError } from "../contract/errors.ts";
import { DaoSet } from "../session/dao-set.ts";
import type { Daos } from "../session/daos.ts";
import type { DatabaseSession, TransactionOptions } from "../session/database-session.ts";
import { withDeadline } from "../session/deadline.ts";
import type { SqlDriver, SqlExecutor, SqlTransaction } from "../session/sql.ts";
import type { DatabaseTelemetry } from "../session/telemetry.ts";
import { toDaoError } from "../session/to-dao-error.ts";
import {
  foreignTransactionMisuse,
  inTransactionContext,
  outerSessionMisuse,
  type TransactionContext,
} from "../session/transaction-context.ts";
import { SqlConversationDao } from "./conversation-dao.ts";
import { SqlDemoFlagsDao } from "./demo-flags-dao.ts";
import { SqlGoalDao } from "./goal-dao.ts";
import { SqlIdempotencyKeyDao } from "./idempotency-key-dao.ts";
import { SqlMilestoneDao } from "./milestone-dao.ts";
import {
  FollowedStatements,
  type SessionOptions,
  SingleStatements,
  TransactionStatements,
} from "./session-statements.ts";
import { SqlTaskDao } from "./task-dao.ts";
import { SqlUserDao } from "./user-dao.ts";

/** All DAOs over one thing that runs statements. */
function daosOn(statements: SqlExecutor, telemetry: DatabaseTelemetry | undefined): Daos {
  const executor = telemetry === undefined ? statements : new FollowedStatements(statements, telemetry);
  return {
    users: new SqlUserDao(executor),
    goals: new SqlGoalDao(executor),
    milestones: new SqlMilestoneDao(executor),
    tasks: new SqlTaskDao(executor),
    conversations: new SqlConversationDao(executor),
    demoFlags: new SqlDemoFlagsDao(executor),
    idempotencyKeys: new SqlIdempotencyKeyDao(executor),
  };
}

/** A session on a driver: each call for itself, each transaction on a connection of its own. */
export class DriverSession extends DaoSet implements DatabaseSession {
  readonly isTransaction: boolean;
  readonly telemetry: DatabaseTelemetry | undefined;
  readonly #driver: SqlDriver;
  readonly #options: SessionOptions;

  constructor(driver: SqlDriver, options: SessionOptions = {}) {
    const telemetry = options.telemetry?.observe(driver);
    super(daosOn(new SingleStatements(driver, options, telemetry), telemetry));
    this.isTransaction = driver.isTransaction;
    this.telemetry = telemetry;
    this.#driver = driver;
    this.#options = options;
  }

  transaction<Result>(
    work: (session: DatabaseSession) => Promise<Result>,
    options: TransactionOptions = {},
  ): Promise<Result> {
    const transact = () => this.#transact(work, options);
    return this.telemetry === undefined ? transact() : this.telemetry.unitOfWork(this.isTransaction, transact);
  }

  async #transact<Result>(
    work: (session: DatabaseSession) => Promise<Result>,
    options: TransactionOptions,
  ): Promise<Result> {
    const driver = this.#driver;
    const misuse = outerSessionMisuse(driver);
    if (misuse !== undefined) throw misuse;
    return translated(work, (untranslated) =>
      withDeadline(options, (bounded) =>
        inTransactionContext(driver, async (context) => {
          try {
            return await driver.transaction(
              (transaction) =>
                untranslated(new TransactionSession(transaction, context, this.#options, this.telemetry)),
              bounded,
            );
          } finally {
            context.isOpen = false;
          }
        }),
      ),
    );
  }
}

/** A session within a transaction; its own transactions are savepoints. */
class TransactionSession extends DaoSet implements DatabaseSession {
  readonly isTransaction = true;
  readonly #transaction: SqlTransaction;
  readonly #context: TransactionContext;
  readonly #options: SessionOptions;
  readonly #telemetry: DatabaseTelemetry | undefined;

  constructor(
    transaction: SqlTransaction,
    context: TransactionContext,
    options: SessionOptions,
    telemetry: DatabaseTelemetry | undefined,
  ) {
    super(daosOn(new TransactionStatements(transaction, context, options), telemetry));
    this.#transaction = transaction;
    this.#context = context;
    this.#options = options;
    this.#telemetry = telemetry;
  }

  transaction<Result>(
    work: (session: DatabaseSession) => Promise<Result>,
    options: TransactionOptions = {},
  ): Promise<Result> {
    const transact = () => this.#transact(work, options);
    return this.#telemetry === undefined ? transact() : this.#telemetry.unitOfWork(true, transact);
  }

  async #transact<Result>(
    work: (session: DatabaseSession) => Promise<Result>,
    { signal, timeout, ...others }: TransactionOptions,
  ): Promise<Result> {
    const misuse = foreignTransactionMisuse(this.#context);
    if (misuse !== undefined) throw misuse;
    const refused = Object.entries(others).filter(([, value]) => value !== undefined);
    if (refused.length > 0) {
      const names = refused.map(([name]) => name).join(", ");
      throw new UnitOfWorkMisuseError(`A nested unit of work takes ${names} from the outer one. Set it there.`);
    }
    return translated(work, (untranslated) =>
      withDeadline({ signal, timeout }, (bounded) =>
        this.#transaction.savepoint(
          (nested) => untranslated(new TransactionSession(nested, this.#context, this.#options, this.#telemetry)),
          bounded,
        ),
      ),
    );
  }
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
