import { type BatchOptions, MAX_BATCH_OPERATIONS } from "../contract/batch.ts";
import { operationError } from "../contract/errors.ts";
import { copyOf } from "../contract/fields/json.ts";
import { invalid } from "../contract/fields/validation.ts";
import type { Daos, DatabaseSession } from "../session/database-session.ts";
import { withDeadline } from "../session/waiting/deadline.ts";
import { runRetryable } from "../unit-of-work.ts";
import { refuseKey } from "./entity-service.ts";

type Operation = readonly [name: string, ...args: readonly unknown[]];

/** Calls the operation of this number with its arguments; its first statement is sent before this returns, so that their order stays. */
export type CallOperation<Result> = (name: string, args: readonly unknown[], number: number) => Promise<Result>;

/** Operations of one statement, and which of their arguments are the options. */
const ONE_STATEMENT =
  /^(?!conversations\.update)\w+\.(create|get|delete|update|put)(?:User|Goal(?:Full|WithStructure)?|Milestone|Task|Conversation|DemoFlags)$/;
const OPTIONS_AT: Readonly<Record<string, number>> = { create: 1, get: 1, delete: 1, update: 2, put: 2 };

/**
 * `DaoServices.batch`, for callers that call the operations themselves, such as an HTTP server. An operation of one statement is not
 * awaited before the next is called, so that statements travel together, in their order. If it is the only one, it is a call like any
 * other, without a transaction.
 * @param callsIn called at the beginning of each attempt, with the session of the batch
 * @param inPieces whether the calls read rows by several statements, and fail if a result is long, after which it must be undone
 * @throws as `DaoServices.batch`, and what the calls throw
 */
export async function runBatch<Result>(
  session: DatabaseSession,
  operations: readonly Operation[],
  options: BatchOptions = {},
  callsIn: (session: DatabaseSession) => CallOperation<Result>,
  inPieces = false,
): Promise<Result[]> {
  validateBatch(operations, options);
  // Those of a server are its own.
  const list = inPieces
    ? operations
    : operations.map(([name, ...args]): Operation => [name, ...args.map((argument) => copyOf(argument))]);
  const { signal, timeout, requester, readAfter, retries } = options;
  const [first = [""]] = list;
  const at = optionsAt(first, inPieces);
  const mayStandAlone = at !== undefined && !(inPieces && first[0].includes(".update"));
  if (list.length > 1 || session.isTransaction || retries !== undefined || !mayStandAlone) {
    return runRetryable(session, options, (uow) => {
      const isBrief = (operation: Operation) =>
        uow.ordersCalls === true && optionsAt(operation, inPieces) !== undefined;
      return callAll(list, callsIn(withoutSavepoints(uow)), isBrief);
    });
  }
  return withDeadline({ signal, timeout, requester, readAfter }, (bounded) => {
    const [name, ...args] = first;
    args[at] = { ...Object(args[at]), ...bounded };
    return callAll([[name, ...args]], callsIn(session));
  });
}

/** Which argument has the options, if it is an operation of one statement, with no options that make it more. */
function optionsAt([name, ...args]: Operation, inPieces: boolean): number | undefined {
  const verb = ONE_STATEMENT.exec(name)?.[1] ?? "";
  const at = OPTIONS_AT[verb];
  if (at === undefined || (inPieces && verb === "get")) return undefined;
  const isPlain = Object.entries(Object(args[at])).every(([option, value]) => option === "id" || value === undefined);
  return isPlain ? at : undefined;
}

/**
 * @param isBrief whether the next operation is called without awaiting this one
 * @throws the error of the first operation that failed, which may be why the server refused those behind it
 */
async function callAll<Result>(
  list: readonly Operation[],
  call: CallOperation<Result>,
  isBrief: (operation: Operation) => boolean = () => false,
): Promise<Result[]> {
  const called: Promise<Result>[] = [];
  const results: Result[] = [];
  for (const operation of list) {
    const [name, ...args] = operation;
    const result = call(name, args, called.length);
    // Of those behind one that fails, nothing is heard.
    result.catch(() => undefined);
    called.push(result);
    if (called.length < list.length && isBrief(operation)) continue;
    for (const [number, one] of called.entries()) {
      if (number < results.length) continue;
      try {
        results.push(await one);
      } catch (error) {
        throw operationError(error, number);
      }
    }
  }
  return results;
}

/**
 * The session of a batch's operations. The failure of one undoes all, so that none needs a savepoint: a conditional write takes
 * two statements instead of four.
 */
function withoutSavepoints({ pieces, ...daos }: Daos & Pick<DatabaseSession, "pieces">): DatabaseSession {
  const session: DatabaseSession = { ...daos, isTransaction: true, pieces, transaction: (work) => work(session) };
  return session;
}

/** What the compiler checks, for callers without types. */
function validateBatch(operations: unknown, options: BatchOptions): void {
  refuseKey(options);
  if (!Array.isArray(operations) || operations.length < 1 || operations.length > MAX_BATCH_OPERATIONS) {
    throw invalid("operations", `must be a list of 1 to ${MAX_BATCH_OPERATIONS} operations`);
  }
  for (const [number, operation] of operations.entries()) {
    const name: unknown = Array.isArray(operation) ? operation[0] : undefined;
    if (typeof name !== "string")
      throw invalid(String(number), "must be a list of an operation's name and its arguments");
    if (name === "tasks.createTasks" || name.includes(".stream")) {
      throw invalid(String(number), `must not be ${name}, which takes any number of rows: call it by itself`);
    }
    if (name.startsWith("changes.")) {
      throw invalid(String(number), `must not be ${name}, which reads what is committed: call it by itself`);
    }
    if (Object(operation.slice(2).at(-1)).idempotencyKey !== undefined) {
      throw invalid(
        `${number}.idempotencyKey`,
        "is not an option of an operation in a batch: run the batch by runOnce()",
      );
    }
  }
}
