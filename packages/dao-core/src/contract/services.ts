import type { BatchOptions } from "./batch.ts";
import type { CallOptions } from "./call-options.ts";
import type { ChangeService } from "./change.ts";
import type { ConversationService } from "./conversation.ts";
import type { DemoFlagsService } from "./demo-flags.ts";
import type { GoalService } from "./goal.ts";
import type { MilestoneService } from "./milestone.ts";
import type { TaskService } from "./task.ts";
import type { UserService } from "./user.ts";

/**
 * The seven services, the same whether the database is in this process or behind HTTP.
 *
 * Every method throws {@link ValidationError} for input that breaks a rule and {@link UnavailableError} when the database is
 * unreachable or too slow; each lists its other errors, and its options list theirs.
 *
 * Glossary: a *user* pursues a *goal*, which is reached through weekly *milestones*. A *task* belongs to a user and a goal,
 * and may belong to a milestone. A task that was not done in its time has *drifted*; one that can no longer be done is
 * *missed*. A *conversation* records what was said about a goal. *Demo flags* change how time passes for one user.
 */
export interface DaoServices {
  readonly users: UserService;
  readonly goals: GoalService;
  readonly milestones: MilestoneService;
  readonly tasks: TaskService;
  readonly conversations: ConversationService;
  readonly demoFlags: DemoFlagsService;
  readonly changes: ChangeService;
  /**
   * Runs 1 to 100 operations as one unit of work, one after the other: all of them, or none. Later operations see what earlier ones
   * wrote, and can name their rows if those have client-supplied ids, over HTTP too. Within a unit of work a batch is a savepoint.
   *
   * ```ts
   * const [goal, milestone] = await services.batch([
   *   ["goals.createGoal", { userId, title: "Run 10 km" }, { id: goalId }],
   *   ["milestones.createMilestone", { goalId, weekNumber: 1, title: "Base" }],
   * ]);
   * ```
   *
   * @throws the error of the operation that failed, with its number, from 0, as `operation` and at the beginning of each issue's
   *   path: `1.weekNumber`; RetryableError after a serialization failure or deadlock once no retry is left; TransactionLostError
   */
  batch<const Names extends readonly [] | readonly BatchOperationName[]>(
    operations: BatchOperations<Names>,
    options?: BatchOptions,
  ): Promise<BatchResults<Names>>;
}

/** An operation's name, such as `goals.createGoal`. Routes, the client and everything else that dispatches calls use it. */
export type OperationName = {
  [Service in Exclude<keyof DaoServices, "batch">]: `${Service}.${keyof DaoServices[Service] & string}`;
}[Exclude<keyof DaoServices, "batch">];

/** The operations that a batch can have: all but the import, the streams, and those of the change feed. */
export type BatchOperationName = Exclude<
  OperationName,
  "tasks.createTasks" | `${string}.stream${string}` | `changes.${string}`
>;

type Method<Name> = Name extends `${infer Service extends keyof DaoServices}.${infer Key}`
  ? Key extends keyof DaoServices[Service]
    ? DaoServices[Service][Key]
    : never
  : never;

/** Options without those of every call, which are the batch's. */
type Argument<Arg> = "signal" extends keyof NonNullable<Arg>
  ? (Omit<NonNullable<Arg>, keyof CallOptions> & { readonly [Name in keyof CallOptions]?: never }) | undefined
  : Arg;

type ArgumentsOf<Method> = Method extends (...args: infer Args) => unknown
  ? { [Index in keyof Args]: Argument<Args[Index]> }
  : never;

type Arguments<Name> = ArgumentsOf<Method<Name>>;

/** An operation of a batch: its name, and the arguments of the service's method. */
export type BatchOperation<Name extends BatchOperationName = BatchOperationName> = Name extends unknown
  ? readonly [name: Name, ...args: Arguments<Name>]
  : never;

/** The operations of a batch, each with the arguments of the operation that it names. */
export type BatchOperations<Names extends readonly BatchOperationName[]> = {
  readonly [Index in keyof Names]: readonly [name: Names[Index], ...args: Arguments<Names[Index]>];
};

/** The results of a batch: each that of the operation at its position. */
export type BatchResults<Names extends readonly BatchOperationName[]> = {
  -readonly [Index in keyof Names]: Method<Names[Index]> extends (...args: never) => Promise<infer Result>
    ? Result
    : never;
};

/** Service and method of the operations that were called; their names are those of code, never of a request. */
const partsOf = new Map<string, readonly [service: string, method: string]>();

/**
 * Calls an operation by its name. Neither the number nor the types of `args` are checked: the service validates its input.
 * @throws TypeError if the services have no such operation, and whatever the operation throws
 */
export function callOperation(services: DaoServices, name: string, args: readonly unknown[]): unknown {
  let parts = partsOf.get(name);
  if (parts === undefined) {
    const dot = name.indexOf(".");
    parts = [name.slice(0, dot), name.slice(dot + 1)];
    if (partsOf.size < 100) partsOf.set(name, parts);
  }
  const service: unknown = Reflect.get(services, parts[0]);
  const method: unknown = Reflect.get(Object(service), parts[1]);
  if (typeof method !== "function") throw new TypeError(`The services have no operation ${name}.`);
  return Reflect.apply(method, service, args);
}
