import * as errors from "../contract/errors.ts";
import { isError, isPlainObject } from "../contract/fields/realms.ts";
import { CONSTRAINT_RULES, type ConstraintRule, FOREIGN_KEY_FIELDS } from "../schema/constraints.ts";
import { alertSentence, loginRefusal } from "./login-refusals.ts";

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

// Codes of postgres.js, Node.js and PostgreSQL, by what they say.
const CLOSED = /^(?:CONNECTION_(?:CLOSED|ENDED|DESTROYED)|ECONNRESET|ECONNABORTED|EPIPE)$/;
const UNREACHABLE: readonly (readonly [code: RegExp, sentence: string])[] = [
  [
    /^(?:ENOTFOUND|EAI_[A-Z]+)$/,
    "The name of the database's host cannot be resolved. Check its spelling in DATABASE_URL, and the name service.",
  ],
  [
    /^(?:ECONNREFUSED|ENOENT|ENOTDIR)$/,
    "The database cannot be reached: nothing accepts connections at its address. Check that it runs, and host and port in DATABASE_URL; " +
      "then try again.",
  ],
  [
    /^(?:EHOSTUNREACH|EHOSTDOWN|ENETUNREACH|ENETDOWN)$/,
    "The database cannot be reached: no network leads to its address. Check host and network, then try again.",
  ],
  [
    /^(?:EACCES|EPERM)$/,
    "This process may not connect to the database's address. Check its socket's permissions, or a firewall.",
  ],
];
/** The machine or the process cannot open another socket. */
const NO_SOCKET = /^(?:EMFILE|ENFILE|ENOBUFS|ENOMEM|EADDRNOTAVAIL|EAGAIN)$/;
const NO_RESPONSE = /^(?:CONNECT_TIMEOUT|ETIMEDOUT)$/;
/** The server shut down, crashed or is starting up; its database was dropped; it ended an idle or a long transaction. */
const ENDED_BY_SERVER = /^(?:57P0[1-5]|25P0[34])$/;
/** Failures before or during the TLS handshake, or a peer with another protocol; the socket's own error says what to do. */
const TLS =
  /^(?:ERR_TLS|ERR_SSL|EPROTO|CERT_|CRL_|UNABLE_TO_|DEPTH_ZERO|SELF_SIGNED|HOSTNAME_MISMATCH|INVALID_(?:CA|PURPOSE)|PATH_LENGTH|ERROR_IN_C|UNSPECIFIED$)/;
/** Class 58 (a file is missing, or cannot be read or written; of PgBouncer a host), and a corrupted table or index. */
const SYSTEM = /^(?:58...|XX00[12])$/;

const NODE_LOST =
  "The server cannot reach the node that has this schema, or lost its connection to it. Try again; whether a write was done " +
  "before is not known.";

/** Errors of prepared statements behind poolers that pool by transaction. */
const pooled = (problem: string) =>
  `Prepared statements get ${problem}, as behind a transaction-pooling proxy. Open the database with prepare: false (DB_PREPARE=false).`;

/** What is wrong with a server or a connection, by SQLSTATE or a driver's code. */
const unavailable: Readonly<Record<string, string>> = {
  "57014": "The statement ran longer than its time-out. Try again later, or ask for less.",
  "55P03": "A lock was not free within its time-out. Try again later.",
  "3D000": "The server has no such database. Create it, or correct DATABASE_URL.",
  "42501":
    "The database role lacks a privilege that this needs. Grant it; the error's cause and `flux-dao doctor` say which.",
  "55000":
    "The server is not set up for this; the error's cause says what to change. The database may accept no connections, or a table " +
    "be published without a replica identity, which `flux-dao doctor` finds.",
  "53300":
    "The server has no connection to spare. Lower poolSize, or allow more: max_connections, or the limit of the role or the database.",
  "57P01": "The server is shutting down, or has ended this connection. Try again later.",
  "57P02": "The server has ended this connection since another one crashed. Try again later.",
  "57P03": "The server is starting up, shutting down or recovering. Try again later.",
  // Poolers report nearly everything with this code: being full, having no server, an unknown parameter.
  "08P01":
    "The server, or a pooler before it, refused what was sent: it may be full, have no server behind it, or not take a " +
    "parameter of DATABASE_URL; the error's cause says which. Behind a transaction-pooling one open the database with " +
    "prepare: false (DB_PREPARE=false).",
  "26000": pooled("lost"),
  "42P05": pooled("mixed up"),
  "25006":
    "The server takes no writes now: it is a standby, or its transactions are read-only. Try again later, or connect to the primary.",
  LOGIN_CLOSED:
    // A server's TLS alert is lost if it comes with the reset of a connection on which more was sent.
    "What listens at the database's address closed the connection before the login: a proxy that is full or has no server " +
    "behind it, a server of another kind, or one that demands another client certificate (sslcert, sslkey). Try again later.",
  LOGIN_FAILED:
    "The server, or a pooler before it, did not let this process log in; the error's cause says why. Try again later.",
};

/** The code of an error that says, of several servers, why none can be used. */
export const NO_SERVER = "NO_SERVER";

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

function operationalError(facts: DatabaseErrorFacts, cause: unknown): errors.DaoError | undefined {
  const { code } = facts;
  const options = { cause };
  switch (code) {
    case STALE_STATEMENT:
      return new errors.RetryableError(
        "A table was altered while this work ran, so it was rolled back. Run it again.",
        options,
      );
    case "40001":
    case "40P01": {
      const why = code === "40001" ? "serialization failure" : "deadlock";
      return new errors.RetryableError(
        `The database aborted this work in favor of other work (${why}). Run it again.`,
        options,
      );
    }
    case "25P02":
      return new errors.UnitOfWorkMisuseError(
        "A statement of this transaction failed before, so it takes no more. Put what may fail into a nested unit of work.",
        options,
      );
    case "25P01":
    case "3B001":
      return new errors.UnitOfWorkMisuseError(
        "The application's transaction is not open: it has not begun, or has ended, as by the loss of its connection. Begin it " +
          "first, and await what belongs to it before you end it.",
        options,
      );
    case "42P01":
    case "42703":
    case "42704":
      return new errors.SchemaVersionError(
        "The schema lacks a table, column or type that this code needs. Run migrate(); " +
          "checkReady() says what differs.",
        options,
      );
  }
  const sentence = isNodeLoss(facts) ? NODE_LOST : unavailableSentence(code, cause);
  return sentence === undefined ? undefined : new errors.UnavailableError(sentence, options);
}

function unavailableSentence(code: string, cause: unknown): string | undefined {
  if (code === "28000" || code === "28P01") return loginRefusal(code, cause);
  const sentence = unavailable[code] ?? alertSentence(code);
  if (sentence !== undefined) return sentence;
  const unreachable = UNREACHABLE.find(([pattern]) => pattern.test(code));
  if (unreachable !== undefined) return unreachable[1];
  if (NO_RESPONSE.test(code)) {
    return "The database did not respond in time. Check that it runs, and that no firewall drops the connection; then try again.";
  }
  if (NO_SOCKET.test(code)) {
    return "This process has no file or port left for a connection. Raise its limits (ulimit -n), or lower poolSize; then try again.";
  }
  if ((TLS.test(code) || code === NO_SERVER) && isError(cause)) return cause.message;
  if (isConnectionLoss(code)) {
    return "The connection to the database was lost. Try again; whether a write was done before is not known.";
  }
  if (SYSTEM.test(code)) {
    return "The database's system failed: a file is missing or damaged, or a disk or a name service fails. The error's cause says which.";
  }
  return code.startsWith("53") ? "The database has no room for more work now. Try again later." : undefined;
}

/** The code of {@link staleStatement}. */
const STALE_STATEMENT = "STALE_STATEMENT";

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

const OTHER_LOSS = /^(?:08.*|LOGIN_(?:CLOSED|FAILED)|EPROTO|NO_SERVER)$/;
const lossCodes = [CLOSED, ...UNREACHABLE.map(([code]) => code), NO_SOCKET, NO_RESPONSE, ENDED_BY_SERVER, OTHER_LOSS];

/** Whether `code` says that a connection, not the statement, failed. */
function isConnectionLoss(code: string): boolean {
  return lossCodes.some((each) => each.test(code));
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
