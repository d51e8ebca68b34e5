/**
 * What goes wrong in the data layer, as one family of classes. Callers branch on `code` or on the class; `cause` keeps
 * the driver's own error. A message names fields and ids, says what to do, and never holds SQL, a parameter or a key.
 */

/** Every code a {@link DaoError} can have. `docs/errors.md` lists cause, HTTP status and remedy of each. */
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
] as const;

export type DaoErrorCode = (typeof DAO_ERROR_CODES)[number];

// Registered, so that a guard works across two copies of this package in one process.
const brand = Symbol.for("@flux/dao-core/DaoError");

/** Base of all errors that the data layer throws on purpose. */
export abstract class DaoError extends Error {
  abstract readonly code: DaoErrorCode;
  readonly [brand] = true;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** Whether `error` is a {@link DaoError}, also one from another copy of this package. */
export function isDaoError(error: unknown): error is DaoError {
  return typeof error === "object" && error !== null && (error as { [brand]?: unknown })[brand] === true;
}

/** One broken rule. `path` is the field as the caller wrote it, list positions included: `milestones.0.tasks.2.title`. */
export interface ValidationIssue {
  readonly path: string;
  readonly message: string;
}

/** Input breaks a rule of the contract; nothing was written. `issues` has every broken rule that was found. */
export class ValidationError extends DaoError {
  readonly code = "validation_failed";
  readonly issues: readonly ValidationIssue[];
  /** Whether it is refused for its size, or for that of what would come of it. Over HTTP that is a 413. */
  readonly isTooLarge: boolean;

  constructor(issues: readonly ValidationIssue[], options?: ErrorOptions & { readonly isTooLarge?: boolean }) {
    super(describeIssues(issues), options);
    this.issues = issues;
    this.isTooLarge = options?.isTooLarge ?? false;
  }
}

/** The sentence that sums up `issues`: the first one, and how many more there are. */
export function describeIssues(issues: readonly ValidationIssue[]): string {
  const [first, ...rest] = issues;
  if (first === undefined) return "The input breaks a rule.";
  const sentence = first.path === "" ? `The input ${first.message}` : `${first.path} ${first.message}`;
  const more = rest.length === 0 ? "" : ` (and ${rest.length} more: see errors)`;
  return `${sentence}${more}.`;
}

/** No row has this id. */
export class NotFoundError extends DaoError {
  readonly code = "not_found";
  /** @param what the entity in the singular, lower case: `task` */
  constructor(what: string, id: string, options?: ErrorOptions) {
    super(`No ${what} has the id ${id}. Check the id, or list what there is.`, options);
  }
}

/** A unique value is taken. `field` names it, where the database says which. */
export class ConflictError extends DaoError {
  readonly code = "conflict";
  readonly field: string | undefined;

  constructor(message: string, options?: ErrorOptions & { readonly field?: string | undefined }) {
    super(message, options);
    this.field = options?.field;
  }
}

/** A foreign key names a row that does not exist (or has just been deleted); nothing was written. */
export class RelatedRowMissingError extends DaoError {
  readonly code = "related_row_missing";
  readonly field: string;
  readonly id: string | undefined;

  constructor(field: string, id: string | undefined, options?: ErrorOptions) {
    super(
      id === undefined
        ? `${field} names a row that does not exist. Create that row first, or correct the id.`
        : `${field} names a row that does not exist: ${id}. Create that row first, or correct the id.`,
      options,
    );
    this.field = field;
    this.id = id;
  }
}

/** The row has another version than the caller asked for: somebody has changed it meanwhile. Nothing was written. */
export class VersionMismatchError extends DaoError {
  readonly code = "version_mismatch";

  /** @param what the entity in the singular, lower case: `task` */
  constructor(what: string, id: string, options?: ErrorOptions) {
    super(`The ${what} ${id} is not as it was read. Read it again, and decide anew.`, options);
  }
}

/** An idempotency key came with another request than the one that it was first used for. Nothing was written. */
export class IdempotencyKeyReusedError extends DaoError {
  readonly code = "idempotency_key_reused";

  constructor(options?: ErrorOptions) {
    super(
      "This idempotency key was used for another request within the last 24 hours. Make a new key for each request, " +
        "and send it again only with the same one.",
      options,
    );
  }
}

/**
 * The database aborted the work so that other work could go on: a serialization failure (40001) or a deadlock (40P01); or
 * it refused a prepared statement because the schema had changed since. Nothing was written, and the same work may succeed
 * now. Single statements are retried before this is thrown.
 */
export class RetryableError extends DaoError {
  readonly code = "retryable";
}

/** The database cannot be reached, has no connection free, or a time limit passed. Worth trying again later. */
export class UnavailableError extends DaoError {
  readonly code = "unavailable";
}

/**
 * The connection of a transaction was lost. `outcome` is `rolled_back` when nothing of it was kept, and `unknown` when
 * the connection went between the commit and its answer: read before you write again.
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
 * The database's schema is not the one that this code needs: older, newer or absent. The message names both. Whether
 * `migrate()` of this code can mend it says `isNewer`: where it is `true`, another version of the code is needed.
 */
export class SchemaVersionError extends DaoError {
  readonly code = "schema_version";
  readonly isNewer: boolean;

  constructor(message: string, options?: ErrorOptions & { readonly isNewer?: boolean }) {
    super(message, options);
    this.isNewer = options?.isNewer ?? false;
  }
}

/** A unit of work was used in a way that would lose data or hang; the message says which, and what to do instead. */
export class UnitOfWorkMisuseError extends DaoError {
  readonly code = "unit_of_work_misused";
}
