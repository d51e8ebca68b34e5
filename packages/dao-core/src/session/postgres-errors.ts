import {
  ConflictError,
  type DaoError,
  isDaoError,
  RelatedRowMissingError,
  RetryableError,
  SchemaVersionError,
  UnavailableError,
  UnitOfWorkMisuseError,
  ValidationError,
} from "../contract/errors.ts";
import { CONSTRAINT_RULES, type ConstraintRule, FOREIGN_KEY_FIELDS } from "../schema/constraints.ts";

/** What PostgreSQL says of an error, by whichever driver it came. */
export interface DatabaseErrorFacts {
  /** A SQLSTATE of five characters, or the code of a socket or driver error. */
  readonly code: string;
  readonly constraint: string | undefined;
  readonly column: string | undefined;
  /** A UUID in what is said in detail, such as the key that a foreign key missed: a fact in whatever language. */
  readonly id: string | undefined;
}

const uuid = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/;

const text = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);
const field = (error: object, name: string): string | undefined => text(Reflect.get(error, name));

/** The facts on the first error of the cause chain that has a code; ORMs wrap the driver's error in their own. */
export function databaseErrorFacts(error: unknown): DatabaseErrorFacts | undefined {
  for (let cause = error, depth = 0; typeof cause === "object" && cause !== null && depth < 8; depth++) {
    const code = field(cause, "code");
    if (code !== undefined) {
      return {
        code,
        // postgres.js has the protocol's names, pg and PGlite have shorter ones.
        constraint: field(cause, "constraint_name") ?? field(cause, "constraint"),
        column: field(cause, "column_name") ?? field(cause, "column"),
        id: uuid.exec(field(cause, "detail") ?? "")?.[0],
      };
    }
    cause = "cause" in cause ? cause.cause : undefined;
  }
  return undefined;
}

/**
 * The data layer's error for one of the driver, found from the SQLSTATE, never from a message (PostgreSQL manual,
 * appendix A). What nobody foresaw is handed back as it is.
 *
 * @param values the fields that the statement wrote, to name the id that a foreign key missed; where it wrote many rows,
 *   the database names it
 */
export function toDaoError(error: unknown, values: Readonly<Record<string, unknown>> = {}): unknown {
  if (isDaoError(error)) return error;
  const facts = databaseErrorFacts(error);
  if (facts === undefined) return error;
  return constraintError(facts, values, error) ?? operationalError(facts, error) ?? error;
}

const takenId: ConstraintRule = { field: "id", message: "is taken by another row" };

function constraintError(
  { code, constraint = "", column, id }: DatabaseErrorFacts,
  values: Readonly<Record<string, unknown>>,
  cause: unknown,
): DaoError | undefined {
  const rule = CONSTRAINT_RULES[constraint] ?? (constraint.endsWith("_pkey") ? takenId : undefined);
  switch (code) {
    case "23505": {
      const what = rule === undefined ? "A row with this key exists already" : `${rule.field} ${rule.message}`;
      return new ConflictError(`${what}. Choose another, or update that row.`, { field: rule?.field, cause });
    }
    case "23503": {
      const name = FOREIGN_KEY_FIELDS[constraint] ?? constraint;
      return new RelatedRowMissingError(name, text(values[name]) ?? id, { cause });
    }
    case "23514":
      return new ValidationError(
        [{ path: rule?.field ?? "", message: rule?.message ?? `breaks the rule ${constraint} of the database` }],
        { cause },
      );
    case "23502":
      return new ValidationError([{ path: toFieldName(column ?? ""), message: "must not be null" }], { cause });
    default:
      // Class 22, "data exception": NUL in text or JSON, a number out of range, a malformed UUID.
      // Not 22023, which is about a setting.
      return /^22...$/.test(code) && code !== "22023"
        ? new ValidationError([{ path: "", message: "holds a value that PostgreSQL cannot store" }], { cause })
        : undefined;
  }
}

const toFieldName = (column: string) => column.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());

function operationalError({ code }: DatabaseErrorFacts, cause: unknown): DaoError | undefined {
  const options = { cause };
  if (isGivenUp(cause)) {
    return new RetryableError("The database gave this work up in favour of other work. Run it again.", options);
  }
  switch (code) {
    case "57014":
      return new UnavailableError(
        "The statement ran longer than its time-out. Try again later, or ask for less.",
        options,
      );
    case "55P03":
      return new UnavailableError("A lock was not free within its time-out. Try again later.", options);
    case "28000":
    case "28P01":
      return new UnavailableError("The database refused the login. Check user and password in DATABASE_URL.", options);
    case "3D000":
      return new UnavailableError("The server has no such database. Create it, or correct DATABASE_URL.", options);
    // PgBouncer says so of a connection parameter that it does not know.
    case "08P01":
      return new UnavailableError(
        "The server, or a proxy before it, did not take what was sent. Behind a transaction-pooling proxy open the database " +
          "with prepare: false (DB_PREPARE=false).",
        options,
      );
    case "26000":
    case "42P05":
      return new UnavailableError(
        "A prepared statement got lost, as behind a transaction-pooling proxy. Open the database with prepare: false.",
        options,
      );
    case "25006":
      return new UnitOfWorkMisuseError(
        "The transaction is read-only. Leave out readOnly to write, and connect to the primary, not to a replica.",
        options,
      );
    case "25P02":
      return new UnitOfWorkMisuseError(
        "A statement of this transaction failed before, so it takes no more. Put what may fail into a nested unit of work.",
        options,
      );
    case "42P01":
    case "42703":
    case "42704":
      return new SchemaVersionError(
        "The database lacks a table, column or type that this code needs. Run migrate() with this version of the code.",
        options,
      );
    default:
      if (isConnectionLoss(code)) {
        return new UnavailableError("The database cannot be reached. Check that it runs, then try again.", options);
      }
      if (code.startsWith("53")) {
        return new UnavailableError("The database has no room for more work now. Try again later.", options);
      }
      return undefined;
  }
}

const connectionCodes: ReadonlySet<string> = new Set([
  // PostgreSQL: shut down, crashed, starting up; ended for idling in a transaction
  "57P01",
  "57P02",
  "57P03",
  "25P03",
  "25P04",
  // postgres.js
  "CONNECTION_CLOSED",
  "CONNECTION_ENDED",
  "CONNECTION_DESTROYED",
  "CONNECT_TIMEOUT",
  // Node
  "ECONNREFUSED",
  "ECONNRESET",
  "ECONNABORTED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "ENOENT",
  "EACCES",
  "EPIPE",
  "ETIMEDOUT",
  "EHOSTUNREACH",
  "ENETUNREACH",
]);

/** Whether the database gave the statement up in favour of others, as after a deadlock. */
export function isGivenUp(error: unknown): boolean {
  const code = databaseErrorFacts(error)?.code;
  return code === "40001" || code === "40P01";
}

/** Whether `code` says that the connection, not the statement, failed. */
export function isConnectionLoss(code: string): boolean {
  return connectionCodes.has(code) || code.startsWith("08");
}

/** Whether `error` says that the connection, not the statement, failed. */
export function isLossError(error: unknown): boolean {
  const code = databaseErrorFacts(error)?.code;
  return code !== undefined && isConnectionLoss(code);
}

/**
 * The error of a statement with a code. `pg` gives none where the connection was lost, or where its pool had none to give:
 * its own errors are plain ones without a code. An error of a class of its own is something else.
 */
export function withCode(error: unknown): unknown {
  if (databaseErrorFacts(error) !== undefined || isDaoError(error)) return error;
  let root = error;
  for (let depth = 0; root instanceof Error && root.cause instanceof Error && depth < 8; depth++) root = root.cause;
  const isPlain = root instanceof Error && Object.getPrototypeOf(root) === Error.prototype;
  return isPlain ? connectionClosed(error) : error;
}

/** What a driver that has no code for it means to say: the connection is gone, or there was none. */
export function connectionClosed(cause: unknown): Error {
  return Object.assign(new Error("The connection was lost, or there was none.", { cause }), {
    code: "CONNECTION_CLOSED",
  });
}
