import type { Daos } from "./daos.ts";
import type { DatabaseSession, TransactionOptions } from "./database-session.ts";
import type { SqlExecutor } from "./driver.ts";
import { type Instrumentation, instrumented } from "./instrumentation.ts";
import { toDaoError } from "./postgres-errors.ts";

/** Where a session's statements run: each by itself on a driver, or together in a transaction. */
export interface Scope {
  readonly isTransaction: boolean;
  readonly executor: SqlExecutor;
  readonly telemetry: Instrumentation | undefined;
  /** Runs `work` in a transaction of its own, or in a savepoint of this one. */
  begin<Result>(work: (scope: Scope) => Promise<Result>, options: TransactionOptions): Promise<Result>;
  /** See {@link DatabaseSession.runImport}. */
  runImport<Result>(work: () => Promise<Result>, signal?: AbortSignal): Promise<Result>;
}

type Work<Result> = (session: DatabaseSession) => Promise<Result>;

/** Carries DAOs: what a session and a unit of work have in common. */
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

/** The DAOs of a scope, and the sessions of its transactions. */
export class Session extends DaoSet implements DatabaseSession {
  readonly isTransaction: boolean;
  readonly telemetry: Instrumentation | undefined;
  readonly #scope: Scope;
  readonly #daosOn: (executor: SqlExecutor) => Daos;

  constructor(scope: Scope, daosOn: (executor: SqlExecutor) => Daos) {
    super(daosOn(scope.executor));
    this.isTransaction = scope.isTransaction;
    this.telemetry = scope.telemetry;
    this.#scope = scope;
    this.#daosOn = daosOn;
  }

  transaction<Result>(work: Work<Result>, options: TransactionOptions = {}): Promise<Result> {
    const run = () =>
      translated(work, (untranslated) =>
        this.#scope.begin((scope) => untranslated(new Session(scope, this.#daosOn)), options),
      );
    if (this.telemetry === undefined) return run();
    return instrumented(this.telemetry, { kind: "unit of work", isNested: this.isTransaction }, run);
  }

  runImport<Result>(work: () => Promise<Result>, signal?: AbortSignal): Promise<Result> {
    return this.#scope.runImport(work, signal);
  }
}

/**
 * Translates the driver's errors of beginning and ending a transaction. What `work` throws is the caller's own, even if it
 * looks like a driver's error: a missing file does not mean that the database is unreachable.
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
