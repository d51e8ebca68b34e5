import type { CallOptions } from "../contract/call-options.ts";
import { TransactionLostError, UnitOfWorkMisuseError } from "../contract/errors.ts";
import type { SqlParameter, SqlResult } from "./driver.ts";
import { databaseErrorFacts, isConnectionLoss, isStaleStatement } from "./postgres-errors.ts";

/** One connection, for one transaction's use. */
export interface TransactionConnection<Connection> {
  /** `false` once the connection is lost; it never comes back. */
  readonly isAlive: boolean;
  /** Why it was given up, where that was on purpose: the reason of an abort. */
  readonly lossCause?: unknown;
  /** Runs statements that have no parameters and whose answers do not matter. */
  executeScript(text: string): Promise<void>;
  /** A host's own savepoint, which ends as `work` does; where there is none, SQL does it. */
  readonly nested?: <Result>(work: (connection: Connection) => Promise<Result>) => Promise<Result>;
}

/** One that takes statements as text. */
export interface SqlConnection extends TransactionConnection<SqlConnection> {
  execute(text: string, parameters: readonly SqlParameter[], signal?: AbortSignal): Promise<SqlResult>;
}

/** The statements that end a level of a transaction: none where the host ends it. */
interface Ending {
  readonly commit: readonly string[];
  readonly rollback: readonly string[];
}

const hostsEnding: Ending = { commit: [], rollback: [] };

/**
 * A transaction, or a savepoint within one, on a connection of its own.
 *
 * Its statements are handed to the driver one by one, each only when the one before has settled and the connection is
 * alive: a driver that reconnects by itself would run the rest of a dead transaction statement by statement
 * (porsager/postgres #1186, #1204, #1216).
 */
export class OpenTransaction<Connection extends TransactionConnection<Connection>> {
  readonly #connection: Connection;
  readonly #depth: number;
  readonly #signal: AbortSignal | undefined;
  #tail: Promise<unknown> = Promise.resolve();
  #pending = 0;
  #state: "open" | "nested" | "ended" = "open";
  /** The statement error after which PostgreSQL takes no more statements on this level. */
  #failure: { readonly error: unknown } | undefined;

  private constructor(connection: Connection, depth: number, signal: AbortSignal | undefined) {
    this.#connection = connection;
    this.#depth = depth;
    this.#signal = signal;
  }

  /** Runs `work` between `begin` (a script, so that it can set local limits too) and a commit or a rollback. */
  static async run<Result>(
    connection: SqlConnection,
    begin: string,
    work: (transaction: OpenTransaction<SqlConnection>) => Promise<Result>,
    signal?: AbortSignal,
  ): Promise<Result> {
    const transaction = new OpenTransaction(connection, 0, signal);
    await connection.executeScript(begin);
    return transaction.#complete(work, { commit: ["commit"], rollback: ["rollback"] });
  }

  /** Runs `work` in a transaction that a host has just begun, and ends as this promise does. */
  static within<Connection extends TransactionConnection<Connection>, Result>(
    connection: Connection,
    work: (transaction: OpenTransaction<Connection>) => Promise<Result>,
    signal?: AbortSignal,
  ): Promise<Result> {
    return new OpenTransaction(connection, 0, signal).#complete(work, hostsEnding);
  }

  /** Joins a transaction that a host has open, and goes on with when we are done. */
  static join(connection: SqlConnection): OpenTransaction<SqlConnection> {
    return new OpenTransaction(connection, 0, undefined);
  }

  /** As `SqlTransaction` says, where the connection takes text. */
  execute(
    this: OpenTransaction<SqlConnection>,
    text: string,
    parameters: readonly SqlParameter[],
    options?: CallOptions,
  ): Promise<SqlResult> {
    const misuse = this.#misuse();
    if (misuse !== undefined) return Promise.reject(misuse);
    const signal = options?.signal ?? this.#signal;
    return this.#enqueue(() => this.#connection.execute(text, parameters, signal), signal);
  }

  /** Runs a call of another kind, which may be several statements, as {@link execute} runs one. */
  call<Result>(
    work: (connection: Connection, signal: AbortSignal | undefined) => Promise<Result>,
    options?: CallOptions,
  ): Promise<Result> {
    const misuse = this.#misuse();
    if (misuse !== undefined) return Promise.reject(misuse);
    const signal = options?.signal ?? this.#signal;
    return this.#enqueue(() => work(this.#connection, signal), signal);
  }

  /** Runs `work` so that its statements alone are undone when it rejects. */
  async savepoint<Result>(
    work: (transaction: OpenTransaction<Connection>) => Promise<Result>,
    options?: CallOptions,
  ): Promise<Result> {
    const misuse = this.#misuse();
    if (misuse !== undefined) throw misuse;
    const signal = options?.signal ?? this.#signal;
    this.#state = "nested";
    try {
      return await (this.#connection.nested === undefined
        ? this.#savepointBySql(work, signal)
        : this.#savepointByHost(this.#connection.nested, work, signal));
    } finally {
      if (this.#state === "nested") this.#state = "open";
    }
  }

  async #savepointBySql<Result>(
    work: (transaction: OpenTransaction<Connection>) => Promise<Result>,
    signal: AbortSignal | undefined,
  ): Promise<Result> {
    const name = `flux_level_${this.#depth + 1}`;
    await this.#enqueue(() => this.#connection.executeScript(`savepoint ${name}`));
    return new OpenTransaction(this.#connection, this.#depth + 1, signal).#complete(work, {
      commit: [`release savepoint ${name}`],
      rollback: [`rollback to savepoint ${name}`, `release savepoint ${name}`],
    });
  }

  async #savepointByHost<Result>(
    nested: NonNullable<TransactionConnection<Connection>["nested"]>,
    work: (transaction: OpenTransaction<Connection>) => Promise<Result>,
    signal: AbortSignal | undefined,
  ): Promise<Result> {
    await this.#tail;
    return nested((connection) =>
      new OpenTransaction(connection, this.#depth + 1, signal).#complete(work, hostsEnding),
    );
  }

  async #complete<Result>(
    work: (transaction: OpenTransaction<Connection>) => Promise<Result>,
    { commit, rollback }: Ending,
  ): Promise<Result> {
    let result: Result;
    try {
      result = await work(this);
      this.#signal?.throwIfAborted();
      const misuse = this.#unfinished();
      if (misuse !== undefined) throw misuse;
    } catch (error) {
      await this.#rollBack(rollback);
      throw error;
    }
    await this.#commit(commit);
    return result;
  }

  async #commit(commit: readonly string[]): Promise<void> {
    this.#state = "ended";
    if (!this.#connection.isAlive) throw this.#lost("rolled_back");
    try {
      for (const statement of commit) await this.#connection.executeScript(statement);
    } catch (error) {
      if (!this.#isLoss(error)) throw error;
      throw this.#lost(this.#depth === 0 ? "unknown" : "rolled_back", error);
    }
  }

  /** The error that brought us here tells more than one of the rollback: a connection that is gone has rolled back. */
  async #rollBack(rollback: readonly string[]): Promise<void> {
    this.#state = "ended";
    await this.#tail;
    try {
      for (const statement of rollback) {
        if (!this.#connection.isAlive) return;
        await this.#connection.executeScript(statement);
      }
    } catch (error) {
      if (!this.#isLoss(error)) throw error;
    }
  }

  #enqueue<Result>(statement: () => Promise<Result>, signal = this.#signal): Promise<Result> {
    this.#pending++;
    const result = this.#tail.then(async () => {
      try {
        signal?.throwIfAborted();
        if (!this.#connection.isAlive) throw this.#lost("rolled_back");
        return await statement();
      } catch (error) {
        const isOurs = signal?.aborted === true || !this.#isLoss(error);
        const reported = isOurs ? error : this.#lost("rolled_back", error);
        this.#failure ??= { error: reported };
        throw reported;
      } finally {
        this.#pending--;
      }
    });
    this.#tail = result.catch(() => undefined);
    return result;
  }

  #lost(outcome: "rolled_back" | "unknown", cause: unknown = this.#connection.lossCause): TransactionLostError {
    return new TransactionLostError(outcome, { cause });
  }

  #isLoss(error: unknown): boolean {
    const code = databaseErrorFacts(error)?.code;
    // The connection is not used any more, but the server has said why.
    if (error instanceof TransactionLostError || isStaleStatement(error) || code === "25006") return false;
    return !this.#connection.isAlive || (code !== undefined && isConnectionLoss(code));
  }

  /** Why no statement may be run on this level now. */
  #misuse(): UnitOfWorkMisuseError | undefined {
    switch (this.#state) {
      case "ended":
        return new UnitOfWorkMisuseError(
          "This unit of work has ended. Use the session, or begin another; await all work before the callback returns.",
        );
      case "nested":
        return new UnitOfWorkMisuseError(
          "A nested unit of work is open. Use the inner one until it ends; run two nested ones one after the other.",
        );
      case "open":
        return undefined;
    }
  }

  /** Why the work, though its callback fulfilled, cannot be committed. */
  #unfinished(): UnitOfWorkMisuseError | undefined {
    if (this.#pending > 0 || this.#state === "nested") {
      return new UnitOfWorkMisuseError(
        "The callback returned before all its statements were done, so everything was rolled back. Await every promise.",
      );
    }
    if (this.#failure !== undefined) {
      return new UnitOfWorkMisuseError(
        "A statement failed and its error was caught inside the unit of work, so everything was rolled back. " +
          "Put what may fail into a nested unit of work.",
        { cause: this.#failure.error },
      );
    }
    return undefined;
  }
}
