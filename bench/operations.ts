import { TASKS } from "./data/seed.ts";

/** What kind of work an operation is. */
export interface OperationKind {
  readonly title: string;
  readonly writes: boolean;
  /** Whether it makes new rows, whose ids and moments of creation nobody can foretell. */
  readonly creates: boolean;
  /**
   * `quick` ones are called again and again for a while. A call of a `slow` one takes so long that the same while does
   * too: it is measured in every third round only. A `long` one is one call by one caller, counted by its rows.
   */
  readonly pace: "quick" | "slow" | "long";
}

/** The number of the last page of all tasks, 100 a page. */
export const LAST_PAGE = TASKS / 100;

/** What is measured, under the names that the tables and the recorded results have. */
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

/** A contender's way to do each operation that it has a way for; `call` numbers the calls, and picks the input. */
export type Operations = Readonly<Partial<Record<OperationName, (call: number) => Promise<unknown>>>>;

/** The item of this number, round and round. */
export function nth<Item>(list: readonly Item[], number: number): Item {
  const item = list[number % list.length];
  if (item === undefined) throw new RangeError("The list is empty.");
  return item;
}
