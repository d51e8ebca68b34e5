import type { CallOptions } from "../../contract/call-options.ts";
import { isDaoError, TransactionLostError, type UnitOfWorkMisuseError } from "../../contract/errors.ts";
import type { SqlConnection, SqlParameter, SqlResult, SqlTransaction, StatementOptions } from "../driver.ts";
import { databaseErrorFacts, isLossError, isStaleStatement } from "../postgres-errors.ts";
import { throwIfAborted, untilAborted, withEitherSignal } from "../waiting/deadline.ts";
import { IdleTimer, Interruption } from "./interruption.ts";
import { misuse } from "./transaction-context.ts";

/** The statements that begin and end a level: none if the application's client sends them. */
interface Bounds {
  readonly begin?: () => Promise<unknown>;
  readonly commit: readonly string[];
  readonly rollback: readonly string[];
  /** Called when the level has ended. */
  readonly ended?: () => void;
}

type Work<Result> = (level: OpenTransaction) => Promise<Result>;

const clientsBounds: Bounds = { commit: [], rollback: [] };

/** The savepoint of a nested level; `depth` counts from 1. */
export function savepointName(depth: number): string {
  return `flux_level_${depth}`;
}

/**
 * A transaction, or a savepoint within one: a *level*, on a connection of the transaction's own.
 *
 * A statement is sent only when the previous one has settled and the connection is alive: a driver that reconnects by itself would
 * run the rest of a dead transaction (porsager/postgres #1186, #1204, #1216). On a connection that never does, statements are sent
 * at once, in order: if one fails, the server refuses those behind it. Not so if a signal of its own could withdraw one of them.
 * There the BEGIN travels with the first of them, which the server skips if it fails, or alone if there is none in the turn in which
 * the callback begins. Only reads are sent behind it at once, since a write would stand by itself without it; writes leave together
 * as soon as it has succeeded.
 *
 * A level ends with its callback, or is *interrupted* before that: by its signal, the loss of the connection, or the end of the
 * outer level. In each case the nested level is closed first, statements already sent are waited for, and others are rejected;
 * only then the rollback is sent. So nothing of it reaches the database later, whatever its callback does.
 */
export class OpenTransaction implements SqlTransaction {
  #connection: SqlConnection;
  readonly #parent: OpenTransaction | undefined;
  readonly #depth: number;
  /** Interrupts this level; {@link #signal} also has the signals of the outer levels. */
  readonly #ownSignal: AbortSignal | undefined;
  readonly #signal: AbortSignal | undefined;
  #tail: Promise<unknown> = Promise.resolve();
  #pending = 0;
  /** Of those, the ones that wait for the BEGIN alone, and the ones that wait for the previous one. */
  readonly #unsent = { behindBegin: 0, behindPrevious: 0 };
  /** The BEGIN, until it is sent. */
  #unsentBegin: string | undefined;
  /** A BEGIN that is under way, or was refused. */
  #beginning: Promise<void> | undefined;
  #hasEnded = false;
  #isWatched = false;
  #isClosedFromAbove = false;
  /** The open nested level. */
  #nested: { readonly level: OpenTransaction; readonly settled: Promise<unknown> } | undefined;
  /** The error after which PostgreSQL accepts no more statements on this level. */
  #failure: { readonly error: unknown } | undefined;
  readonly #interruption = new Interruption();
  #idleTimer: IdleTimer | undefined;

  /** @param either aborts with `signal`, or with what interrupts the outer levels */
  private constructor(
    connection: SqlConnection,
    parent: OpenTransaction | undefined,
    signal: AbortSignal | undefined,
    either = signal,
  ) {
    this.#connection = connection;
    this.#parent = parent;
    this.#depth = parent === undefined ? 0 : parent.#depth + 1;
    this.#ownSignal = signal;
    this.#signal = either;
    this.#idleTimer = parent === undefined ? undefined : parent.#idleTimer;
  }

  /**
   * Runs `work` between `begin` (a script, so that it can set local limits too) and a commit or a rollback.
   * @param idleTimeout milliseconds between two statements, if the server sets no limit; 0 is none
   */
  static run<Result>(
    connection: SqlConnection,
    begin: string,
    work: Work<Result>,
    signal?: AbortSignal,
    idleTimeout = 0,
  ): Promise<Result> {
    const transaction = new OpenTransaction(connection, undefined, signal);
    if (idleTimeout > 0) {
      transaction.#idleTimer = new IdleTimer(idleTimeout, (error) => transaction.#interruption.interrupt(error));
    }
    const bounds = { commit: ["commit"], rollback: ["rollback"], ended: transaction.#watch() };
    const isSingle = !begin.includes(";");
    if (isSingle && connection.pipelines === true && connection.beginWithNext !== undefined) {
      transaction.#unsentBegin = begin;
      // Or the server would not know of a callback that hangs, and the connection would be lost to it.
      setImmediate(() => transaction.#beginAlone());
      return transaction.#complete(work, bounds);
    }
    return transaction.#complete(work, { ...bounds, begin: () => connection.executeScript(begin) });
  }

  /** Runs `work` in a transaction that an application's client has just begun, and that ends as this promise does. */
  static within<Result>(connection: SqlConnection, work: Work<Result>, signal?: AbortSignal): Promise<Result> {
    const transaction = new OpenTransaction(connection, undefined, signal);
    return transaction.#complete(work, { ...clientsBounds, ended: transaction.#watch() });
  }

  /** Joins a transaction that the application has open and continues afterwards. */
  static join(connection: SqlConnection): OpenTransaction {
    return new OpenTransaction(connection, undefined, undefined);
  }

  execute(text: string, parameters: readonly SqlParameter[], options?: StatementOptions): Promise<SqlResult> {
    const refusal = this.#refusal();
    if (refusal !== undefined) return Promise.reject(refusal);
    const isRead = (options?.kind ?? "write") !== "write";
    return withEitherSignal(this.#signal, options?.signal, (signal) =>
      this.#enqueue(() => this.#connection.execute(text, parameters, signal), signal, isRead),
    );
  }

  /** Runs `work`; if it rejects, only its own statements are undone. */
  savepoint<Result>(work: Work<Result>, { signal }: CallOptions = {}): Promise<Result> {
    return withEitherSignal(this.#signal, signal, (either) =>
      this.#runNested(new OpenTransaction(this.#connection, this, signal, either), work),
    );
  }

  async #runNested<Result>(level: OpenTransaction, work: Work<Result>): Promise<Result> {
    const refusal = this.#refusal();
    if (refusal !== undefined) throw refusal;
    const stopWatching = level.#watch();
    const settled = level.#within(this, work);
    this.#nested = { level, settled };
    try {
      return await settled;
    } finally {
      stopWatching();
      this.#nested = undefined;
    }
  }

  /** Starts after the statements of `parent`; until then this level has nothing to undo. */
  async #within<Result>(parent: OpenTransaction, work: Work<Result>): Promise<Result> {
    await this.#interruption.race(() => parent.#tail);
    if (!this.#connection.isAlive) throw this.#lost("rolled_back");
    const outer = this.#connection;
    if (outer.nested === undefined) return this.#bySql(parent, work);
    return outer.nested((connection) => {
      this.#connection = connection;
      return this.#complete(work, clientsBounds);
    });
  }

  #bySql<Result>(parent: OpenTransaction, work: Work<Result>): Promise<Result> {
    const name = savepointName(this.#depth);
    const rollback: string[] = [];
    const begin = async () => {
      await parent.#enqueueScript(`savepoint ${name}`);
      rollback.push(`rollback to savepoint ${name}`, `release savepoint ${name}`);
    };
    return this.#complete(work, { begin, commit: [`release savepoint ${name}`], rollback });
  }

  async #complete<Result>(work: Work<Result>, { begin, commit, rollback, ended }: Bounds): Promise<Result> {
    try {
      const result = await this.#interruption.race(() => (begin === undefined ? work(this) : this.#begin(begin, work)));
      const beginning = this.#beginning;
      if (beginning !== undefined) await this.#interruption.race(() => beginning);
      throwIfAborted(this.#signal);
      const unfinished = this.#unfinished();
      if (unfinished !== undefined) throw unfinished;
      // At once: the failure of a statement begun from here on would turn the COMMIT into a ROLLBACK that reports success.
      this.#hasEnded = true;
      if (!this.#connection.isAlive) throw this.#lost("rolled_back");
      for (const statement of this.#hasBegun ? commit : []) {
        // So it ends a transaction in which a statement has failed that was not sent through here.
        if ((await this.#connection.executeScript(statement)) === "ROLLBACK") throw misuse("isSwallowed");
      }
      return result;
    } catch (error) {
      const isLostCommit = this.#hasEnded && this.#isLoss(error);
      await this.#close();
      // After a failed commit the server may have the transaction open still, and after that of a savepoint the outer one.
      await this.#rollBack(rollback);
      throw isLostCommit ? this.#lost(this.#depth === 0 ? "unknown" : "rolled_back", error) : error;
    } finally {
      ended?.();
    }
  }

  async #begin<Result>(begin: NonNullable<Bounds["begin"]>, work: Work<Result>): Promise<Result> {
    const begun = begin();
    this.#tail = begun.catch(() => undefined);
    await begun;
    this.#interruption.throwIfInterrupted();
    return work(this);
  }

  /** Listens for interruptions of this level. Returns a function that stops it. */
  #watch(): () => void {
    const connection = this.#connection;
    const watchesLoss = this.#parent === undefined || !this.#parent.#isWatched;
    this.#isWatched = true;
    if (watchesLoss) connection.onLost = () => void this.#interruptByLoss();
    const stop = this.#ownSignal && this.#interruption.watch(this.#ownSignal, (cause) => connection.drop?.(cause));
    return () => {
      stop?.();
      if (watchesLoss) connection.onLost = undefined;
      if (this.#parent === undefined) this.#idleTimer?.stop();
    };
  }

  /** A callback that gets the error from its statement comes first, since that error says more. */
  async #interruptByLoss(): Promise<void> {
    let innermost: OpenTransaction = this;
    while (innermost.#nested !== undefined) innermost = innermost.#nested.level;
    await innermost.#tail;
    setImmediate(() => this.#interruption.interrupt(this.#lost("rolled_back")));
  }

  /** Closes the nested level, rejects statements that are not yet sent, and waits for the others. */
  async #close(): Promise<void> {
    this.#hasEnded = true;
    if (this.#nested !== undefined) {
      const { level, settled } = this.#nested;
      level.#isClosedFromAbove = true;
      const { reason } = this.#interruption;
      level.#interruption.interrupt(reason === undefined ? misuse("outerHasEnded") : reason.error);
      await settled.catch(() => undefined);
    }
    await this.#tail;
  }

  /** Never throws: the original error says more, and the server rolls back when it loses the connection. */
  async #rollBack(rollback: readonly string[]): Promise<void> {
    if (!this.#hasBegun) return;
    try {
      for (const statement of rollback) {
        // The rollback of the outer level undoes this one, too.
        if (!this.#connection.isAlive || this.#isClosedFromAbove) return;
        await this.#connection.executeScript(statement);
      }
    } catch (error) {
      this.#connection.drop?.(error);
    }
  }

  /** Whether there is something to commit or roll back: not if there was no statement, or the BEGIN sent with it was refused. */
  get #hasBegun(): boolean {
    return this.#unsentBegin === undefined && this.#beginning === undefined;
  }

  #beginAlone(): void {
    const begin = this.#unsentBegin;
    if (begin === undefined || this.#hasEnded || !this.#connection.isAlive) return;
    this.#unsentBegin = undefined;
    const beginning = this.#connection.executeScript(begin).then(() => {
      this.#beginning = undefined;
    });
    this.#beginning = beginning;
    this.#tail = beginning.catch((error: unknown) => this.#interruption.interrupt(error));
  }

  /** Runs a script, which cannot travel with the BEGIN: the server would skip it without a response. */
  #enqueueScript(script: string): Promise<unknown> {
    this.#beginAlone();
    return this.#enqueue(() => this.#connection.executeScript(script));
  }

  #enqueue<Result>(statement: () => Promise<Result>, signal = this.#signal, isRead = false): Promise<Result> {
    const before = this.#tail;
    const result = this.#runStatement(before, statement, signal, isRead);
    // A statement aborted in the queue has not waited for those before it. The rows are the caller's alone.
    this.#tail = result.then(
      () => undefined,
      () => before,
    );
    return result;
  }

  async #runStatement<Result>(
    before: Promise<unknown>,
    statement: () => Promise<Result>,
    signal: AbortSignal | undefined,
    isRead: boolean,
  ): Promise<Result> {
    const isPipelined = this.#pipelines(signal);
    const canPrecedeBegin = isRead && this.#unsent.behindBegin === 0;
    const awaited = !isPipelined ? before : canPrecedeBegin ? undefined : this.#beginning;
    const place = isPipelined ? "behindBegin" : "behindPrevious";
    this.#pending++;
    this.#idleTimer?.statementBegun();
    try {
      if (awaited !== undefined) {
        this.#unsent[place]++;
        try {
          await untilAborted(awaited, signal);
          if (this.#beginning !== undefined) await this.#beginning;
        } finally {
          // In the same turn as it is sent, or a later statement would overtake it.
          this.#unsent[place]--;
        }
      }
      if (this.#hasEnded) throw misuse("hasEnded");
      throwIfAborted(signal);
      if (!this.#connection.isAlive) throw this.#lost("rolled_back");
      const begin = this.#unsentBegin;
      return await (begin === undefined ? statement() : this.#beginWith(begin, statement));
    } catch (error) {
      // The server refuses what was sent behind a statement that failed, whose error is the reason.
      if (isPipelined && databaseErrorFacts(error)?.code === "25P02") {
        await before;
        if (this.#failure !== undefined) throw this.#failure.error;
      }
      const isOurs = signal?.aborted === true || !this.#isLoss(error);
      const reported = isOurs ? error : this.#lost("rolled_back", error);
      this.#failure ??= { error: reported };
      throw reported;
    } finally {
      this.#pending--;
      this.#idleTimer?.statementEnded();
    }
  }

  /** Sends a statement with the BEGIN. */
  async #beginWith<Result>(begin: string, statement: () => Promise<Result>): Promise<Result> {
    this.#unsentBegin = undefined;
    let refuse: (error: unknown) => void = () => undefined;
    const beginning = new Promise<void>((resolve, reject) => {
      refuse = reject;
      this.#connection.beginWithNext?.(begin, () => {
        this.#beginning = undefined;
        resolve();
      });
    });
    beginning.catch((error: unknown) => this.#interruption.interrupt(error));
    this.#beginning = beginning;
    try {
      return await statement();
    } catch (error) {
      refuse(error);
      throw error;
    }
  }

  /** Whether a statement need not wait for the previous one. An abort of the level's own signal ends all of them. */
  #pipelines(signal: AbortSignal | undefined): boolean {
    const { behindBegin, behindPrevious } = this.#unsent;
    const isInTurn = behindPrevious === 0 && (behindBegin === 0 || this.#beginning !== undefined);
    return this.#connection.pipelines === true && signal === this.#signal && isInTurn;
  }

  #lost(outcome: "rolled_back" | "unknown", cause: unknown = this.#connection.lossCause): TransactionLostError {
    return new TransactionLostError(outcome, { cause });
  }

  #isLoss(error: unknown): boolean {
    const code = databaseErrorFacts(error)?.code;
    // The connection is no longer used, but the server reported the reason.
    if (isDaoError(error) || isStaleStatement(error) || code === "25006" || code === "26000") return false;
    return !this.#connection.isAlive || isLossError(error);
  }

  /** Why no statement may be run on this level now. */
  #refusal(): UnitOfWorkMisuseError | undefined {
    if (this.#hasEnded) return misuse("hasEnded");
    return this.#nested === undefined ? undefined : misuse("nestedIsOpen");
  }

  /** Why the work cannot be committed even though its callback fulfilled. */
  #unfinished(): UnitOfWorkMisuseError | undefined {
    if (this.#pending > 0 || this.#nested !== undefined) return misuse("isForgotten");
    // The commit reports a lost connection.
    if (this.#failure === undefined || this.#failure.error instanceof TransactionLostError) return undefined;
    return misuse("isSwallowed", this.#failure.error);
  }
}
