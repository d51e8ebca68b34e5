/** Whether an operation writes rows, and whether it makes new ones. */
export interface OperationKind {
  readonly title: string;
  readonly writes: boolean;
  readonly creates: boolean;
  /** One call takes so long that a stretch of them does too: it is measured in every third round only. */
  readonly isSlow: boolean;
}

/** What is measured, under the names that the tables and the recorded results have. */
export const OPERATIONS = {
  find: { title: "find by id", writes: false, creates: false, isSlow: false },
  timerange: { title: "by-timerange, 7 days", writes: false, creates: false, isSlow: false },
  statistics: { title: "statistics, 30 days", writes: false, creates: false, isSlow: false },
  page: { title: "page of 100, with total", writes: false, creates: false, isSlow: false },
  full: { title: "goal full, 40 tasks", writes: false, creates: false, isSlow: false },
  create: { title: "create task", writes: true, creates: true, isSlow: false },
  update: { title: "update task", writes: true, creates: false, isSlow: false },
  bulk: { title: "bulk update, 1,000 tasks", writes: true, creates: false, isSlow: true },
  structure8x5: { title: "structure 8 × 5", writes: true, creates: true, isSlow: false },
  structure20x50: { title: "structure 20 × 50", writes: true, creates: true, isSlow: true },
} as const satisfies Record<string, OperationKind>;

export type OperationName = keyof typeof OPERATIONS;

export const OPERATION_NAMES = Object.keys(OPERATIONS) as OperationName[];

/** One side's way to do each operation; `call` numbers the calls, and picks the input. */
export type Operations = Readonly<Record<OperationName, (call: number) => Promise<unknown>>>;

/** The item of this number, round and round. */
export function nth<Item>(list: readonly Item[], number: number): Item {
  const item = list[number % list.length];
  if (item === undefined) throw new RangeError("The list is empty.");
  return item;
}
