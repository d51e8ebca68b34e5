import { toCode } from "./code.ts";
import { isFields, type Kind, type KnownRows } from "./known-rows.ts";
import { type Outcome, observe } from "./outcome.ts";
import { resolve } from "./reference.ts";

/** The methods of the services and of units of work, and the kind of row that each is about. */
const METHODS = {
  "users.listUsers": "user",
  "users.getUser": "user",
  "users.createUser": "user",
  "users.updateUser": "user",
  "users.deleteUser": "user",
  "goals.listGoals": "goal",
  "goals.getGoal": "goal",
  "goals.getGoalFull": "goal",
  "goals.createGoal": "goal",
  "goals.createGoalWithStructure": "goal",
  "goals.updateGoal": "goal",
  "goals.deleteGoal": "goal",
  "milestones.listMilestones": "milestone",
  "milestones.getMilestone": "milestone",
  "milestones.createMilestone": "milestone",
  "milestones.updateMilestone": "milestone",
  "milestones.deleteMilestone": "milestone",
  "tasks.listTasks": "task",
  "tasks.getTask": "task",
  "tasks.createTask": "task",
  "tasks.createTasks": "task",
  "tasks.streamTasks": "task",
  "tasks.updateTasks": "task",
  "tasks.updateTask": "task",
  "tasks.deleteTask": "task",
  "tasks.getTasksByTimerange": "task",
  "tasks.bulkUpdateState": "task",
  "tasks.linkCalendarEvent": "task",
  "tasks.getTaskStatistics": "task",
  "conversations.listConversations": "conversation",
  "conversations.getConversation": "conversation",
  "conversations.createConversation": "conversation",
  "conversations.updateConversation": "conversation",
  "conversations.appendMessages": "conversation",
  "demoFlags.getDemoFlags": "demoFlags",
  "demoFlags.putDemoFlags": "demoFlags",
  "unitsOfWork.abandon": "user",
  "unitsOfWork.alterTable": "user",
} as const satisfies Record<string, Kind>;

export type Method = keyof typeof METHODS;

/** One call of a service, whose arguments may hold references. */
export class Operation {
  readonly method: Method;
  readonly args: readonly unknown[];

  constructor(method: Method, args: readonly unknown[]) {
    this.method = method;
    this.args = args;
  }

  toString(): string {
    return `op(${[this.method, ...this.args].map(toCode).join(", ")})`;
  }
}

export const op = (method: Method, ...args: unknown[]): Operation => new Operation(method, args);

/** An operation whose references are resolved. */
export interface Call {
  readonly method: Method;
  readonly args: readonly unknown[];
}

export function callOf({ method, args }: Operation, known: KnownRows): Call {
  return { method, args: args.map((argument) => resolve(argument, known)) };
}

/** Runs the call. Arguments may be of any type, as those of a caller in JavaScript. */
export function run(services: object, { method, args }: Call): Promise<Outcome> {
  const [service, name] = method.split(".");
  const target: unknown = Reflect.get(services, service ?? "");
  if (typeof target !== "object" || target === null) throw new TypeError(`there is no service for ${method}`);
  const call: unknown = Reflect.get(target, name ?? "");
  if (typeof call !== "function") throw new TypeError(`there is no method ${method}`);
  return observe(async (): Promise<unknown> => {
    const result: unknown = Reflect.apply(call, target, args);
    return isAsyncIterable(result) ? listOf(result) : result;
  });
}

function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === "object" && value !== null && Symbol.asyncIterator in value;
}

async function listOf(rows: AsyncIterable<unknown>): Promise<unknown[]> {
  const list: unknown[] = [];
  for await (const row of rows) list.push(row);
  return list;
}

/** Records what the caller knows after the outcome of this call. */
export function learn(known: KnownRows, { method, args }: Call, outcome: Outcome): void {
  const kind = METHODS[method];
  const [id] = args;
  if (outcome.kind === "error") {
    if (outcome.code === "not_found" && typeof id === "string") known.forget(kind, id.toLowerCase());
    return;
  }
  if (method.includes(".delete")) known.forget(kind, String(id).toLowerCase());
  else learnFrom(known, kind, outcome.value);
}

function learnFrom(known: KnownRows, kind: Kind, answer: unknown): void {
  if (Array.isArray(answer)) {
    for (const row of answer) learnFrom(known, kind, row);
    return;
  }
  if (!isFields(answer)) return;
  if ("items" in answer) learnFrom(known, kind, answer["items"]);
  const { milestones, tasks, results, task, nextCursor, ...row } = answer;
  if (typeof nextCursor === "string") known.learnCursor(kind, nextCursor);
  if ("createdAt" in row || "virtualNow" in row) known.learn(kind, row);
  // A goal with its relations.
  learnFrom(known, "milestone", milestones);
  learnFrom(known, "task", tasks);
  // The results of a bulk update.
  learnFrom(known, "task", results);
  learnFrom(known, "task", task);
}

/** A call as a counterexample shows it: the operation with its references resolved. */
export function describeCall({ method, args }: Call): string {
  return `${method}(${args.map(toCode).join(", ")})`;
}
