import { AsyncLocalStorage } from "node:async_hooks";
import { UnitOfWorkMisuseError } from "../contract/errors.ts";

/** A transaction that is open, for whatever its callback calls and awaits. */
export interface TransactionContext {
  /** What it was begun on, a driver or an ORM: two of them are two databases. */
  readonly source: object;
  /** The transaction, on another database, within whose callback this one was begun. */
  readonly outer: TransactionContext | undefined;
  isOpen: boolean;
}

const storage = new AsyncLocalStorage<TransactionContext>();

/** Runs `work` in the context of a new transaction on `source`, which ends when the caller says so. */
export function inTransactionContext<Result>(
  source: object,
  work: (context: TransactionContext) => Promise<Result>,
): Promise<Result> {
  const context: TransactionContext = { source, outer: storage.getStore(), isOpen: true };
  return storage.run(context, () => work(context));
}

/** A function that runs in the context of whoever called this, also when it is called within a transaction begun later. */
export function inCallersContext<Args extends unknown[], Result>(
  work: (...args: Args) => Result,
): (...args: Args) => Result {
  return AsyncLocalStorage.bind(work);
}

/** The transaction on `source` within whose callback the caller is. */
function openTransactionOn(source: object): TransactionContext | undefined {
  let context = storage.getStore();
  while (context !== undefined && !(context.isOpen && context.source === source)) context = context.outer;
  return context;
}

/**
 * Why a session may not be used here: within a unit of work on the same database each would wait for a connection that
 * only the end of a unit of work sets free, and a pool full of them waits for ever.
 */
export function outerSessionMisuse(source: object): UnitOfWorkMisuseError | undefined {
  if (openTransactionOn(source) === undefined) return undefined;
  return new UnitOfWorkMisuseError(
    "A unit of work is open here, and this is the session outside of it. Use the unit of work that the callback was given; " +
      "what does not belong to it has to wait for its end, or be begun outside of its callback.",
  );
}

/** Why a unit of work may not be used here: within the callback of another on the same database. */
export function foreignTransactionMisuse(own: TransactionContext): UnitOfWorkMisuseError | undefined {
  const open = openTransactionOn(own.source);
  if (open === undefined || open === own) return undefined;
  return new UnitOfWorkMisuseError(
    "This unit of work is another one than the one whose callback runs here. Use the one that the callback was given.",
  );
}
