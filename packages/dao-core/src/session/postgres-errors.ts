import * as errors from "../contract/errors.ts";
import { isError, isPlainObject } from "../contract/fields/realms.ts";
import { CONSTRAINT_RULES, type ConstraintRule, FOREIGN_KEY_FIELDS } from "../schema/constraints.ts";
import { CLOSED, isConnectionLoss, unavailableSentence } from "./unavailability.ts";

/** The fields of a PostgreSQL error, from any driver. */
export interface DatabaseErrorFacts {
  /** A SQLSTATE of five characters, or the code of a socket or driver error. */
  readonly code: string;
  readonly constraint: string | undefined;
  readonly column: string | undefined;
  /** The function in the server's source that raised it. */
  readonly routine: string | undefined;
  /** The file of that function. */
  readonly file: string | undefined;
  /** A UUID in the error's detail, such as a foreign key's missing key, in any language. */
  readonly id: string | undefined;
}

const uuid = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/;

const text = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);
const field = (error: object, name: string): string | undefined => text(Reflect.get(error, name));

/** The facts on the first error of the cause chain that has a code; ORMs wrap the driver's error in their own. */
export function databaseErrorFacts(error: unknown): DatabaseErrorFacts | undefined {
  for (let cause = error, depth = 0; typeof cause === "object" && cause !== null && depth < 8; depth++) {
    const code = field(cause, "code");
    const routine = field(cause, "routine");
    if (code !== undefined) {
      return {
        code: routine === UNRESOLVED_COMMIT ? "08007" : code,
        // postgres.js has the protocol's names, pg and PGlite have shorter ones. Citus sends none of these fields.
        constraint: field(cause, "constraint_name") ?? field(cause, "constraint") ?? constraintIn(cause, code),
        column: field(cause, "column_name") ?? field(cause, "column") ?? columnIn(cause, code),
        routine,
        file: field(cause, "file"),
        id: uuid.exec(field(cause, "detail") ?? "")?.[0],
      };
    }
    cause = "cause" in cause ? cause.cause : undefined;
  }
  return undefined;
}

/** Where Citus reports, as an internal error, that a node has not confirmed a commit: 08007, "transaction resolution unknown". */
const UNRESOLVED_COMMIT = "ErrorIfPostCommitFailedShardPlacements";

/** Where Citus reports what befell its connection to a node: the caller's own connection is not lost. */
const NODE_FILES = /^(?:remote_commands|remote_transaction|connection_management|adaptive_executor)\.c$/;

const NODE_LOST =
  "The server cannot reach the node that has this schema, or lost its connection to it. Try again; whether a write was done " +
  "before is not known.";

function isNodeLoss({ code, file = "" }: DatabaseErrorFacts): boolean {
  return (NODE_FILES.test(file) && isConnectionLoss(code)) || (code === INTERNAL && file === "remote_transaction.c");
}

/** The name of one of our constraints in the message of a violation, in any language, without a shard's number. */
function constraintIn(error: object, code: string): string | undefined {
  if (!code.startsWith("23") && code !== INTERNAL) return undefined;
  const words = field(error, "message")?.match(/\w+/g) ?? [];
  return words.map((word) => word.replace(/_\d+$/, "")).find((word) => kindOf(word) !== undefined);
}

/** The first name in quotes is the column, the second the table. */
function columnIn(error: object, code: string): string | undefined {
  return code === "23502" ? /"(\w+)"/.exec(field(error, "message") ?? "")?.[1] : undefined;
}

/** The SQLSTATE of a violation of one of our constraints. */
function kindOf(constraint: string): string | undefined {
  if (constraint in FOREIGN_KEY_FIELDS) return "23503";
  if (/^\w+_pkey$/.test(constraint) || constraint.endsWith("_email_key")) return "23505";
  return constraint in CONSTRAINT_RULES ? "23514" : undefined;
}

/** SQLSTATE for a violation in an import on Citus, which reports an internal error. */
const INTERNAL = "XX000";

/**
 * Translates a driver's error by its SQLSTATE (PostgreSQL manual, appendix A); an unknown error is returned unchanged.
 * @param values the fields that the statement wrote, to name a foreign key's missing id; for many rows, the database names it
 */
export function toDaoError(error: unknown, values: Readonly<Record<string, unknown>> = {}): unknown {
  if (errors.isDaoError(error)) return error;
  const facts = databaseErrorFacts(error);
  if (facts === undefined) return error;
  return constraintError(facts, values, error) ?? operationalError(facts, error) ?? error;
}

const takenId: ConstraintRule = { field: "id", message: "is taken by another row" };

function constraintError(
  { code, constraint = "", column, id }: DatabaseErrorFacts,
  values: Readonly<Record<string, unknown>>,
  cause: unknown,
): errors.DaoError | undefined {
  const rule = CONSTRAINT_RULES[constraint] ?? (constraint.endsWith("_pkey") ? takenId : undefined);
  switch (code === INTERNAL ? (kindOf(constraint) ?? code) : code) {
    case "23505":
    case "23P01": {
      const name = rule === takenId && id !== undefined ? `id ${id}` : rule?.field;
      const what = rule === undefined ? "A row with this key exists already" : `${name} ${rule.message}`;
      return new errors.ConflictError(`${what}. Choose another, or update that row.`, { field: rule?.field, cause });
    }
    case "23001":
    case "23503": {
      const name = FOREIGN_KEY_FIELDS[constraint] ?? constraint;
      if (name !== constraint || name === "") {
        return new errors.RelatedRowMissingError(name, text(values[name]) ?? id, { cause });
      }
      // The application's own: mostly, one of its rows refers to a row that is to be deleted.
      const sentence = `The foreign key ${constraint} forbids this. Delete the rows that refer to this one, or create the one it refers to.`;
      return new errors.ConflictError(sentence, { cause });
    }
    case "23514": {
      const message = rule?.message ?? `breaks the rule ${constraint} of the database`;
      // If one statement writes many rows, the database names the failing one, its id first.
      const where = id === undefined || id === values["id"] ? "" : ` in the row ${id}`;
      return new errors.ValidationError([{ path: rule?.field ?? "", message: message + where }], { cause });
    }
    case "23502":
      return new errors.ValidationError([{ path: toFieldName(column ?? ""), message: "must not be null" }], { cause });
    default:
      if (code.startsWith("54") && code.length === 5) {
        const message = "is, or makes, more than PostgreSQL can hold at once: send less, or ask for less";
        return new errors.ValidationError([{ path: "", message }], { cause, isTooLarge: true });
      }
      // Class 22, "data exception": NUL in text or JSON, a number out of range, a malformed UUID.
      // Not 22023, which is about a setting.
      return /^22...$/.test(code) && code !== "22023"
        ? new errors.ValidationError([{ path: "", message: "holds a value that PostgreSQL cannot store" }], { cause })
        : undefined;
  }
}

const toFieldName = (column: string) => column.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());

/** In a message about several servers: the sentence for a server's error, otherwise the error's own message. */
export function reasonOf(error: unknown): string {
  const known = /^[0-9A-Z]{5}$/.test(databaseErrorFacts(error)?.code ?? "") ? toDaoError(error) : error;
  const message = isError(known) ? known.message : String(known);
  return message.endsWith(".") ? message : `${message}.`;
}

/** Whether the server, or one of several, has no connection to spare (53300). */
export function isServerFull(error: unknown): boolean {
  const errors: readonly unknown[] = error instanceof AggregateError ? error.errors : [error];
  return errors.some((each) => databaseErrorFacts(each)?.code === "53300");
}

/** The code of {@link staleStatement}. */
const STALE_STATEMENT = "STALE_STATEMENT";

type OperationalError = readonly [new (message: string, options: ErrorOptions) => errors.DaoError, sentence: string];

const aborted = (why: string): OperationalError => [
  errors.RetryableError,
  `The database aborted this work in favor of other work (${why}). Run it again.`,
];
const lacking: OperationalError = [
  errors.SchemaVersionError,
  "The schema lacks a table, column or type that this code needs. Run migrate(); checkReady() says what differs.",
];

const noTransaction: OperationalError = [
  errors.UnitOfWorkMisuseError,
  "The application's transaction is not open: it has not begun, or has ended, as by the loss of its connection. Begin it first, " +
    "and await what belongs to it before you end it.",
];

const operationalErrors: Readonly<Record<string, OperationalError>> = {
  [STALE_STATEMENT]: [
    errors.RetryableError,
    "A table was altered while this work ran, so it was rolled back. Run it again.",
  ],
  "40001": aborted("serialization failure"),
  "40P01": aborted("deadlock"),
  "25P02": [
    errors.UnitOfWorkMisuseError,
    "A statement of this transaction failed before, so it takes no more. Put what may fail into a nested unit of work.",
  ],
  "25P01": noTransaction,
  "3B001": noTransaction,
  "42P01": lacking,
  "42703": lacking,
  "42704": lacking,
};

function operationalError(facts: DatabaseErrorFacts, cause: unknown): errors.DaoError | undefined {
  const [OwnError, own] = operationalErrors[facts.code] ?? [errors.UnavailableError];
  const sentence = own ?? (isNodeLoss(facts) ? NODE_LOST : unavailableSentence(facts.code, cause));
  return sentence === undefined ? undefined : new OwnError(sentence, { cause });
}

/**
 * The error of a prepared statement that the server rejected before it had any effect, because a table was altered or the
 * statement no longer exists. It can be run again on another connection; a transaction must start over.
 */
export function staleStatement(cause: unknown): Error {
  return codedError(STALE_STATEMENT, "The server has refused a prepared statement.", cause);
}

export function isStaleStatement(error: unknown): boolean {
  return databaseErrorFacts(error)?.code === STALE_STATEMENT;
}

/** Whether a write was refused because its transaction is read-only: the caller declared that, or the server is. */
export const isReadOnlyError = (error: unknown): boolean => databaseErrorFacts(error)?.code === "25006";

/** Whether it is a serialization failure or a deadlock. */
export function isRetryableError(error: unknown): boolean {
  const code = databaseErrorFacts(error)?.code;
  return code === "40001" || code === "40P01";
}

/** The error of a failed login, as one of the connection: its code may be one that would blame the waiting statement. */
export function loginError(error: unknown): unknown {
  const code = databaseErrorFacts(error)?.code ?? "";
  if (CLOSED.test(code)) return codedError("LOGIN_CLOSED", "The connection was closed before the login.", error);
  if (errors.isDaoError(error) || unavailableSentence(code, error) !== undefined) return error;
  return codedError("LOGIN_FAILED", "The login failed.", error);
}

/** By SQLSTATE, the server routine that finds a prepared statement outdated. */
const stalePlans: Readonly<Record<string, string>> = {
  // Its result now has other columns or types.
  "0A000": "RevalidateCachedQuery",
  // It no longer exists: DEALLOCATE ALL, DISCARD ALL, or a proxy that switched to another server connection.
  "26000": "FetchPreparedStatement",
  // Its parameters have the types that they were prepared with, and a column that it writes or compares now has another,
  "42804": "transformAssignedExpr",
  "42883": "op_error",
  // or the type no longer exists, for example if an enum was recreated.
  XX000: "getTypeInputInfo",
};

/**
 * Whether a prepared statement was rejected without effect because its plan is stale; otherwise these codes mean something else.
 * @param wasPrepared whether we had prepared it before; a pooler that tracks statements may have, and only 0A000 tells then
 */
export function isStalePlan(error: unknown, wasPrepared = true): boolean {
  const facts = databaseErrorFacts(error);
  if (facts?.routine === undefined || stalePlans[facts.code] !== facts.routine) return false;
  return wasPrepared || facts.code === "0A000";
}

/** Whether `error` says that the connection, not the statement, failed. */
export function isLossError(error: unknown): boolean {
  const facts = databaseErrorFacts(error);
  return facts !== undefined && isConnectionLoss(facts.code) && !isNodeLoss(facts);
}

/** Adds a code to a statement's error: `pg`'s own, of a lost connection or a pool that had none, are plain `Error`s without one. */
export function withCode(error: unknown): unknown {
  if (databaseErrorFacts(error) !== undefined || errors.isDaoError(error)) return error;
  let root = error;
  for (let depth = 0; isError(root) && isError(root.cause) && depth < 8; depth++) root = root.cause;
  const isPlain = isError(root) && isPlainObject(Object.getPrototypeOf(root));
  return isPlain ? connectionClosed(error) : error;
}

/** For an error without a code: the connection was lost, or there was none. */
export function connectionClosed(cause?: unknown): Error {
  return codedError("CONNECTION_CLOSED", "The connection was lost, or there was none.", cause);
}

/** An error with a code, as drivers and sockets have them. */
export function codedError(code: string, message: string, cause?: unknown): Error {
  return Object.assign(new Error(message, cause === undefined ? {} : { cause }), { code });
}
