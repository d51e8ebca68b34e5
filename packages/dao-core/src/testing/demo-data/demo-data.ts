import { ValidationError, type ValidationIssue } from "../../contract/errors.ts";
import { type DemoUser, makeDemoUser } from "./demo-user.ts";
import { DAY } from "./duration.ts";
import { Random } from "./random.ts";

/** Which demo data, and how much of it. */
export interface DemoDataOptions {
  /** A whole number below 2³²; another one gives other people. Default 1. */
  readonly seed?: number | undefined;
  /** Default: one for a hundred tasks, or 100 where `tasks` is not given either. */
  readonly users?: number | undefined;
  /** Tasks of all users together. Default: a hundred for each user. */
  readonly tasks?: number | undefined;
  /**
   * The instant that all is seen from: what lies before it is done or was not done in time, what lies behind it is
   * scheduled. Default: the beginning of today in UTC.
   */
  readonly from?: Date | undefined;
}

/** {@link DemoDataOptions} with what stands for those that were not given. */
export interface DemoDataSize {
  readonly seed: number;
  readonly users: number;
  readonly tasks: number;
  readonly from: Date;
}

/** What a user has on average. */
const TASKS_A_USER = 100;

/** The most users, and the most tasks. */
const MAX_USERS = 10_000_000;
const MAX_TASKS = 1_000_000_000;

/**
 * Fills in what was not given.
 * @throws ValidationError for a number that is out of range, and a date that is none
 */
export function demoDataSize({ seed = 1, users, tasks, from }: DemoDataOptions): DemoDataSize {
  const size = {
    seed,
    users: users ?? Math.max(1, Math.ceil((tasks ?? 100 * TASKS_A_USER) / TASKS_A_USER)),
    tasks: tasks ?? (users ?? 100) * TASKS_A_USER,
    from: from ?? new Date(Math.floor(Date.now() / DAY) * DAY),
  };
  const limits = { seed: [0, 2 ** 32 - 1], users: [0, MAX_USERS], tasks: [0, MAX_TASKS] } as const;
  const issues: ValidationIssue[] = (["seed", "users", "tasks"] as const).flatMap((path) => {
    const [min, max] = limits[path];
    if (Number.isInteger(size[path]) && size[path] >= min && size[path] <= max) return [];
    return [{ path, message: `must be a whole number from ${min} to ${max}` }];
  });
  if (size.users === 0 && size.tasks > 0)
    issues.push({ path: "users", message: "must be at least 1: tasks belong to one" });
  // What lies before it must not lie before 1970, where the instants of ids begin.
  const year = size.from.getUTCFullYear();
  if (!(year >= 1972 && year <= 9_000))
    issues.push({ path: "from", message: "must be a date of the years 1972 to 9000" });
  if (issues.length > 0) throw new ValidationError(issues);
  return size;
}

/**
 * People with goals, weekly milestones, tasks and conversations, as realistic as a demonstration needs; any number of
 * them, made one by one as they are read. The same options give the same rows, ids included, on every machine; a user does
 * not change with how many there are in all, as long as the tasks of each stay as many.
 *
 * ```ts
 * for (const { id, data, goals } of makeDemoData({ seed: 7, users: 3, from: new Date("2026-03-02") })) …
 * ```
 *
 * `writeDemoData` writes them to a database.
 * @throws ValidationError
 */
export function makeDemoData(options: DemoDataOptions = {}): Generator<DemoUser, undefined, undefined> {
  // Here, not at the first user that is read.
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

/** How many tasks a user has beside the others: the busiest have seven times those of the idlest. */
function weightOf(seed: number, index: number): number {
  return new Random(seed, index * 2 + 1).between(25, 175);
}

/** `jose.nunez` for `José Núñez`. */
function latin(name: string): string {
  const letters = name.normalize("NFD").toLowerCase().replaceAll("ı", "i");
  return letters.replace(/[^a-z ]/g, "").replaceAll(" ", ".");
}
