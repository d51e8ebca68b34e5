import { ValidationError, type ValidationIssue } from "../../contract/errors.ts";
import { type DemoUser, makeDemoUser } from "./demo-user.ts";
import { DAY } from "./duration.ts";
import { Random } from "./random.ts";

/** Which demo data to make, and how much. */
export interface DemoDataOptions {
  /** An integer below 2³²; another seed gives other people. Default 1. */
  readonly seed?: number | undefined;
  /** Number of users. Default: one per hundred tasks, or 100 if `tasks` is not given either. */
  readonly users?: number | undefined;
  /** Number of tasks of all users together. Default: a hundred per user. */
  readonly tasks?: number | undefined;
  /**
   * The current time of the demo data: earlier tasks are completed, drifted or missed, later ones are scheduled. Default: the
   * start of today in UTC.
   */
  readonly from?: Date | undefined;
}

/** {@link DemoDataOptions} with defaults filled in. */
export interface DemoDataSize {
  readonly seed: number;
  readonly users: number;
  readonly tasks: number;
  readonly from: Date;
}

/** Tasks per user, on average. */
const TASKS_PER_USER = 100;

/** The maximum number of users, and of tasks. */
const MAX_USERS = 10_000_000;
const MAX_TASKS = 1_000_000_000;

/**
 * Fills in the defaults.
 * @throws ValidationError for a number that is out of range, or an invalid date
 */
export function demoDataSize({ seed = 1, users, tasks, from }: DemoDataOptions): DemoDataSize {
  const size = {
    seed,
    users: users ?? Math.max(1, Math.ceil((tasks ?? 100 * TASKS_PER_USER) / TASKS_PER_USER)),
    tasks: tasks ?? (users ?? 100) * TASKS_PER_USER,
    from: from ?? new Date(Math.floor(Date.now() / DAY) * DAY),
  };
  const limits = { seed: [0, 2 ** 32 - 1], users: [0, MAX_USERS], tasks: [0, MAX_TASKS] } as const;
  const issues: ValidationIssue[] = (["seed", "users", "tasks"] as const).flatMap((path) => {
    const [min, max] = limits[path];
    if (Number.isInteger(size[path]) && size[path] >= min && size[path] <= max) return [];
    return [{ path, message: `must be a whole number from ${min} to ${max}` }];
  });
  if (size.users === 0 && size.tasks > 0)
    issues.push({ path: "users", message: "must be at least 1 if there are tasks" });
  // Rows are created before it, and the instants of their ids start in 1970.
  const year = size.from.getUTCFullYear();
  if (!(year >= 1972 && year <= 9_000))
    issues.push({ path: "from", message: "must be a date in the years 1972 to 9000" });
  if (issues.length > 0) throw new ValidationError(issues);
  return size;
}

/**
 * Makes users with goals, weekly milestones, tasks and conversations, realistic enough for a demonstration, in any number, one
 * by one as they are read. The same options give the same rows, ids included, on every machine. A user does not depend on how
 * many others there are, as long as the number of tasks per user is the same.
 *
 * ```ts
 * for (const { id, data, goals } of makeDemoData({ seed: 7, users: 3, from: new Date("2026-03-02") })) …
 * ```
 *
 * `writeDemoData` writes them to a database.
 * @throws ValidationError
 */
export function makeDemoData(options: DemoDataOptions = {}): Generator<DemoUser, undefined, undefined> {
  // Throws here, not when the first user is read.
  const size = demoDataSize(options);
  return makeUsers(size);
}

function* makeUsers({ seed, users, tasks, from }: DemoDataSize): Generator<DemoUser, undefined, undefined> {
  let total = 0;
  for (let index = 0; index < users; index++) total += weightOf(seed, index);
  let before = 0;
  let given = 0;
  for (let index = 0; index < users; index++) {
    before += weightOf(seed, index);
    const givenNext = index === users - 1 ? tasks : Math.floor((before / total) * tasks);
    const mailbox = (name: string) => `${latin(name)}.${seed}-${index + 1}`;
    yield makeDemoUser({ mailbox, taskCount: givenNext - given, now: from.getTime() }, new Random(seed, index * 2));
    given = givenNext;
  }
}

/** A user's share of the tasks: the busiest have seven times as many as the idlest. */
function weightOf(seed: number, index: number): number {
  return new Random(seed, index * 2 + 1).between(25, 175);
}

/** `jose.nunez` for `José Núñez`. */
function latin(name: string): string {
  const letters = name.normalize("NFD").toLowerCase().replaceAll("ı", "i");
  return letters.replace(/[^a-z ]/g, "").replaceAll(" ", ".");
}
