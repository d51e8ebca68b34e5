// Callers branch on `code` or on the class; `cause` keeps the driver's error. A message names fields and ids, says what to do, and
// never contains SQL, a parameter or a key.

/** Every code of a {@link DaoError}. `docs/errors.md` lists the cause, HTTP status and remedy of each. */
export const DAO_ERROR_CODES = [
  "validation_failed",
  "not_found",
  "conflict",
  "related_row_missing",
  "version_mismatch",
  "idempotency_key_reused",
  "retryable",
  "unavailable",
  "transaction_lost",
  "schema_version",
  "unit_of_work_misused",
  "cursor_expired",
  "changes_disabled",
] as const;

export type DaoErrorCode = (typeof DAO_ERROR_CODES)[number];

// A registered symbol, so that `isDaoError` works across two copies of this package in one process.
const brand = Symbol.for("@flux/dao-core/DaoError");

/** Base class of every error that the data layer throws on purpose. */
export abstract class DaoError extends Error {
  abstract readonly code: DaoErrorCode;
  /** The number of the operation that failed, from 0. Only in errors of a batch. */
  readonly operation?: number;
  readonly [brand] = true;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** Whether `error` is a {@link DaoError}, even of another copy of this package. */
export function isDaoError(error: unknown): error is DaoError {
  return typeof error === "object" && error !== null && Reflect.get(error, brand) === true;
}

/** One broken rule. `path` is the field as the caller wrote it, with list positions: `milestones.0.tasks.2.title`. */
export interface ValidationIssue {
  /** The field, such as `tasks.0.title`; empty for the input as a whole. */
  readonly path: string;
  /** What is wrong with it, as the rest of a sentence that begins with the path. */
  readonly message: string;
}

/** The input breaks a rule of the contract; nothing was written. `issues` lists every broken rule that was found. */
export class ValidationError extends DaoError {
  readonly code = "validation_failed";
  readonly issues: readonly ValidationIssue[];
  /** Whether the input, or the row it would produce, is too large. Over HTTP this is a 413. */
  readonly isTooLarge: boolean;

  constructor(issues: readonly ValidationIssue[], options?: ErrorOptions & { readonly isTooLarge?: boolean }) {
    super(describeIssues(issues), options);
    this.issues = issues;
    this.isTooLarge = options?.isTooLarge ?? false;
  }
}

/** Summarizes `issues` in one sentence: the first one, and how many more there are. */
export function describeIssues(issues: readonly ValidationIssue[]): string {
  const [first, ...rest] = issues;
  if (first === undefined) return "The input breaks a rule.";
  const sentence = first.path === "" ? `The input ${first.message}` : `${first.path} ${first.message}`;
  const more = rest.length === 0 ? "" : ` (and ${rest.length} more)`;
  return `${sentence}${more}.`;
}

/** No row has this id. */
export class NotFoundError extends DaoError {
  readonly code = "not_found";
  /** @param entity singular and lower case: `task` */
  constructor(entity: string, id: string, options?: ErrorOptions) {
    super(`No ${entity} has the id ${id}. Check the id, or list the rows that exist.`, options);
  }
}

/** A unique value is already in use. `field` names it if the database reports which. */
export class ConflictError extends DaoError {
  readonly code = "conflict";
  readonly field: string | undefined;

  constructor(message: string, options?: ErrorOptions & { readonly field?: string | undefined }) {
    super(message, options);
    this.field = options?.field;
  }
}

/** A foreign key refers to a row that does not exist, or no longer exists; nothing was written. */
export class RelatedRowMissingError extends DaoError {
  readonly code = "related_row_missing";
  readonly field: string;
  readonly id: string | undefined;

  constructor(field: string, id: string | undefined, options?: ErrorOptions) {
    const named = id === undefined ? "" : `: ${id}`;
    super(`${field} names a row that does not exist${named}. Create that row first, or correct the id.`, options);
    this.field = field;
    this.id = id;
  }
}

/** The row does not have the version that the caller asked for: it was changed in the meantime. Nothing was written. */
export class VersionMismatchError extends DaoError {
  readonly code = "version_mismatch";

  /** @param entity singular and lower case: `task` */
  constructor(entity: string, id: string, options?: ErrorOptions) {
    super(`The ${entity} ${id} has changed since it was read. Read it again before writing.`, options);
  }
}

/** An idempotency key was sent with a different request than the first time. Nothing was written. */
export class IdempotencyKeyReusedError extends DaoError {
  readonly code = "idempotency_key_reused";

  constructor(options?: ErrorOptions) {
    super(
      "This idempotency key was used for a different request within the last 24 hours. Use a new key for each request, " +
        "and repeat a key only to retry the same request.",
      options,
    );
  }
}

/**
 * The database aborted the work in favor of concurrent work (a serialization failure, 40001, or a deadlock, 40P01), or refused
 * a prepared statement because the schema had changed since. Nothing was written, and the same work may succeed now. Single
 * statements are retried before this is thrown.
 */
export class RetryableError extends DaoError {
  readonly code = "retryable";
}

/** The database is unreachable, takes no writes, has no free connection, or a time limit passed. Try again later. */
export class UnavailableError extends DaoError {
  readonly code = "unavailable";
}

/**
 * The connection of a transaction was lost. `outcome` is `rolled_back` if nothing was kept, and `unknown` if the connection
 * was lost after the commit was sent and before it was confirmed: read before you write again.
 */
export class TransactionLostError extends DaoError {
  readonly code = "transaction_lost";
  readonly outcome: "rolled_back" | "unknown";

  constructor(outcome: "rolled_back" | "unknown", options?: ErrorOptions) {
    super(
      outcome === "rolled_back"
        ? "The connection was lost inside a transaction; the database rolled it back. Run the unit of work again."
        : "The connection was lost while committing; the commit may or may not have happened. Read before you write again.",
      options,
    );
    this.outcome = outcome;
  }
}

/**
 * The database's schema is older or newer than the one that this code needs, or absent. The message names both versions. If
 * `isNewer` is `true`, another version of the code is needed; otherwise `migrate()` of this code may fix it.
 */
export class SchemaVersionError extends DaoError {
  readonly code = "schema_version";
  readonly isNewer: boolean;

  constructor(message: string, options?: ErrorOptions & { readonly isNewer?: boolean }) {
    super(message, options);
    this.isNewer = options?.isNewer ?? false;
  }
}

/** A unit of work was used in a way that would lose data or hang. The message says how, and what to do instead. */
export class UnitOfWorkMisuseError extends DaoError {
  readonly code = "unit_of_work_misused";
}

/**
 * The changes after this cursor are no longer known: they are older than what is kept, or the database was restored, or lost its
 * last commits in a failover. List the rows again, with a cursor from before: `now`.
 */
export class CursorExpiredError extends DaoError {
  readonly code = "cursor_expired";

  constructor(options?: ErrorOptions) {
    super(
      "The changes after this cursor are not known any more: they are older than what is kept, or the database was restored. " +
        "Get a cursor with cursor=now, then list the rows again, and continue from that cursor.",
      options,
    );
  }
}

/** The schema has no change feed. */
export class ChangesDisabledError extends DaoError {
  readonly code = "changes_disabled";

  constructor(schema: string, options?: ErrorOptions) {
    super(
      `The change feed of the schema ${schema} is not enabled. Run migrate({ changes: true }), or flux-dao migrate --changes.`,
      options,
    );
  }
}

/**
 * The error of a batch whose operation of this number failed: the operation's own, with the number as its `operation`, and at the
 * beginning of each issue's path. An error that is not a {@link DaoError} is returned as it is.
 */
export function operationError(error: unknown, operation: number): unknown {
  if (!isDaoError(error)) return error;
  const { issues, isTooLarge }: DaoError & Partial<Pick<ValidationError, "issues" | "isTooLarge">> = error;
  if (issues === undefined) return Object.assign(error, { operation });
  const placeOf = (path: string) => (path === "" ? String(operation) : `${operation}.${path}`);
  const numbered = issues.map(({ path, message }) => ({ path: placeOf(path), message }));
  const options = { cause: error.cause, isTooLarge: isTooLarge === true };
  return Object.assign(new ValidationError(numbered, options), { operation });
}
