import { AsyncLocalStorage } from "node:async_hooks";
import { UnavailableError, UnitOfWorkMisuseError } from "../../contract/errors.ts";
import { isReadOnlyError } from "../postgres-errors.ts";

/**
 * The async contexts of running work. Node 20 and 22 call hooks for each promise of the process while an `AsyncLocalStorage` is enabled,
 * so this one is disabled when no work runs in it.
 */
export class WorkContexts<Context> {
  readonly #storage = new AsyncLocalStorage<Context>();
  #running = 0;

  /** That of the caller. What its work has left behind may still have it when the work has ended. */
  get current(): Context | undefined {
    return this.#storage.getStore();
  }

  /** Runs `work`, whose caller calls {@link left} when it has settled, even if it throws. */
  run<Result>(context: Context, work: () => Result): Result {
    this.#running++;
    return this.#storage.run(context, work);
  }

  left(): void {
    if (--this.#running === 0) this.#storage.disable();
  }
}

/** The option of work in which none of the application's code runs, so that it needs no context. */
export const OWN_WORK = Symbol.for("@flux/dao-core/own-work");

/** A transaction, as the async context of its callback. */
export interface TransactionContext {
  /** The pool that it runs on, which identifies the database. */
  readonly source: object;
  /** The transaction in whose callback this one was begun, on another database, unless it had ended by then. */
  readonly outer: TransactionContext | undefined;
  /** Whether its caller declared it read-only. */
  readonly isReadOnly: boolean;
  /** Whether it is neither committed nor rolled back. */
  isOpen: boolean;
  /** Unsettled callbacks, its own and those of nested ones, which may outlive an interruption. */
  callbacks: number;
  /** Aborts if it ends before its callback does; created when a transaction on another database begins within it. */
  interruption?: AbortController;
}

const contexts = new WorkContexts<TransactionContext>();

/** The context of a new transaction on `source`, which ends when the caller says so. */
export function transactionContext(source: object, isReadOnly: boolean): TransactionContext {
  // Skips ended ones: a chain in which each callback begins the next unit of work would keep all of them.
  return { source, outer: currentTransaction(), isReadOnly, isOpen: true, callbacks: 0 };
}

/** The signal for what begins within a transaction on another database: aborts if that ends before its callback does. */
export function interruptionOf(context: TransactionContext | undefined): AbortSignal | undefined {
  if (context?.isOpen !== true) return undefined;
  context.interruption ??= new AbortController();
  return context.interruption.signal;
}

/** Interrupts what the unsettled callbacks of a failed transaction began on other databases. */
export function interrupt({ callbacks, interruption }: TransactionContext, cause: unknown): void {
  if (callbacks === 0) return;
  const sentence =
    "The enclosing unit of work, on another database, ended before its callback, so this one was rolled back.";
  interruption?.abort(new UnavailableError(sentence, { cause }));
}

/** The callback of a transaction, or of a savepoint in it. */
export class Callback<Session, Result> {
  readonly #work: (session: Session) => Promise<Result>;
  readonly #isOwn: boolean;
  #failure: { readonly error: unknown } | undefined;

  constructor(work: (session: Session) => Promise<Result>, options: object) {
    this.#work = work;
    this.#isOwn = Reflect.get(options, OWN_WORK) === true;
  }

  async run(context: TransactionContext, session: Session): Promise<Result> {
    const work = this.#work;
    context.callbacks++;
    try {
      return await (this.#isOwn ? work(session) : contexts.run(context, () => work(session)));
    } catch (error) {
      this.#failure = { error };
      throw error;
    } finally {
      context.callbacks--;
      if (!this.#isOwn) contexts.left();
    }
  }

  hasThrown(error: unknown): boolean {
    return this.#failure?.error === error && this.#failure !== undefined;
  }
}

/** A function that runs in the context of this call, even when it is called within a transaction begun later. */
export function inCallersContext<Args extends unknown[], Result>(
  work: (...args: Args) => Result,
): (...args: Args) => Result {
  return AsyncLocalStorage.bind(work);
}

/** The innermost transaction, on `source` if given, in whose callback the caller runs. */
function currentTransaction(source?: object): TransactionContext | undefined {
  const isOther = (context: TransactionContext) => source !== undefined && context.source !== source;
  let context = contexts.current;
  // Work that outlives a transaction's callbacks no longer belongs to it.
  while (context !== undefined && (isOther(context) || context.callbacks === 0)) context = context.outer;
  return context;
}

/**
 * Why the session may not be used here: in a unit of work on the same database, it could wait for a connection that only its end
 * frees. After an early end, later work of the callback must not be committed separately.
 */
export function outerSessionMisuse(source: object): UnitOfWorkMisuseError | undefined {
  const transaction = currentTransaction(source);
  if (transaction === undefined) return undefined;
  return misuse(transaction.isOpen ? "isOuterSession" : "callbackOutlives");
}

/** Why a unit of work may not be used here, in the callback of another one on the same database. */
export function foreignTransactionMisuse(own: TransactionContext): UnitOfWorkMisuseError | undefined {
  const transaction = currentTransaction(own.source);
  return transaction === undefined || transaction === own ? undefined : misuse("isForeign");
}

/** The error of a statement in a transaction that the caller declared read-only; a write is then the caller's mistake. */
export function readOnlyMisuse(error: unknown): unknown {
  return isReadOnlyError(error) ? misuse("isReadOnly", error) : error;
}

/** What is wrong, and what to do instead. */
const MISUSES = {
  callbackOutlives:
    "The unit of work of this callback has ended before it: at its deadline or abort, with its connection, or with the unit " +
    "of work around it. Nothing more can be done here; let the callback end.",
  isOuterSession:
    "A unit of work is open here, and this is the session outside of it. Use the unit of work that the callback was given; " +
    "what does not belong to it has to wait for its end, or be begun outside of its callback.",
  isForeign:
    "This unit of work is another one than the one whose callback runs here. Use the one that the callback was given.",
  hasEnded:
    "This unit of work has ended. Use the session, or begin another; await all work before the callback returns.",
  outerHasEnded:
    "The outer unit of work ended while this nested one was open, so it was rolled back. Await every nested one, also where " +
    "another of them fails: Promise.allSettled does.",
  nestedIsOpen:
    "A nested unit of work is open. Use the inner one until it ends; run two nested ones one after the other.",
  isForgotten:
    "The callback returned before all its statements were done, so everything was rolled back. Await every promise.",
  isReadOnly: "This unit of work is read-only. Leave out readOnly to write.",
  databaseIsReadOnly:
    "This database was opened with readOnly, so it takes no writes. Write to one that was opened without it, on the primary.",
  waitsTooLate:
    "A unit of work waits before it begins, not with its connection in hand. Set readAfter in the options of the unit of work.",
  isSwallowed:
    "A statement failed and its error was caught inside the unit of work, so everything was rolled back. " +
    "Put what may fail into a nested unit of work.",
};

export function misuse(what: keyof typeof MISUSES, cause?: unknown): UnitOfWorkMisuseError {
  return new UnitOfWorkMisuseError(MISUSES[what], cause === undefined ? {} : { cause });
}
