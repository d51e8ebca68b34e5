import { TASKS } from "./data/seed.ts";

/** An operation under measurement. */
export interface OperationKind {
  readonly title: string;
  readonly writes: boolean;
  /** Whether it creates rows, whose ids and creation times are unpredictable. */
  readonly creates: boolean;
  /**
   * A `quick` operation is called repeatedly for a while. A call of a `slow` one takes about that long, so it is measured in
   * every second round only, for longer. A `long` one is a single call by one caller, counted in rows.
   */
  readonly pace: "quick" | "slow" | "long";
}

/** The number of the last page of all tasks, 100 per page. */
export const LAST_PAGE = TASKS / 100;

/** The operations, by their names in the tables and the recorded results. */
export const OPERATIONS = {
  find: { title: "find by id", writes: false, creates: false, pace: "quick" },
  timerange: { title: "by-timerange, 7 days", writes: false, creates: false, pace: "quick" },
  statistics: { title: "statistics, 30 days", writes: false, creates: false, pace: "quick" },
  page: { title: "page 1 of 100, with total", writes: false, creates: false, pace: "quick" },
  pageUncounted: { title: "page 1, no total", writes: false, creates: false, pace: "quick" },
  pageDeep: { title: `page ${LAST_PAGE}, with total`, writes: false, creates: false, pace: "quick" },
  pageCursor: { title: `page ${LAST_PAGE} by cursor, no total`, writes: false, creates: false, pace: "quick" },
  full: { title: "goal full, 40 tasks", writes: false, creates: false, pace: "quick" },
  create: { title: "create task", writes: true, creates: true, pace: "quick" },
  update: { title: "update task", writes: true, creates: false, pace: "quick" },
  append: { title: "append message", writes: true, creates: false, pace: "quick" },
  bulk: { title: "bulk update, 1,000 tasks", writes: true, creates: false, pace: "slow" },
  updateMany: { title: "1,000 updates that differ", writes: true, creates: false, pace: "slow" },
  structure8x5: { title: "structure 8 × 5", writes: true, creates: true, pace: "quick" },
  structure20x50: { title: "structure 20 × 50", writes: true, creates: true, pace: "slow" },
  import: { title: "import", writes: true, creates: true, pace: "long" },
  export: { title: "export", writes: false, creates: false, pace: "long" },
} as const satisfies Record<string, OperationKind>;

export type OperationName = keyof typeof OPERATIONS;

export const OPERATION_NAMES = Object.keys(OPERATIONS) as OperationName[];

/** A contender's implementations of the operations that it supports; `call` numbers the calls, and selects the input. */
export type Operations = Readonly<Partial<Record<OperationName, (call: number) => Promise<unknown>>>>;

/** The item of this number, modulo the length of the list. */
export function nth<Item>(list: readonly Item[], number: number): Item {
  const item = list[number % list.length];
  if (item === undefined) throw new RangeError("The list is empty.");
  return item;
}

const GOLDEN_RATIO = (Math.sqrt(5) - 1) / 2;

/**
 * An item of the list, scattered so that calls at the same time have different ones. Ten connections that get the statements in turn would
 * otherwise have each item of 20 on the same connection, where no statement waits for another's locks.
 */
export function scattered<Item>(list: readonly Item[], call: number): Item {
  return nth(list, Math.floor(((call * GOLDEN_RATIO) % 1) * list.length));
}
