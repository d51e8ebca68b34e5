import {
  type DaoError,
  type DaoErrorCode,
  describeIssues,
  isDaoError,
  type RelatedRowMissingError,
  type TransactionLostError,
  type ValidationError,
  type ValidationIssue,
} from "@flux/dao-core/errors";
import { toWirePath } from "../wire/json.ts";
import { PROBLEM_ERRORS, RETRY_AFTER } from "../wire/limits.ts";
import { HttpError, InvalidRequestError, PROBLEM_CODES, type ProblemCode } from "./http-error.ts";
import type { WholeResponse } from "./http-message.ts";

/** An error in a response: RFC 9457 problem details, with members of our own from `code` on. */
export interface Problem {
  /** Identifies the kind of problem, one for one with `code`. A URN: there is nothing to fetch. */
  readonly type: string;
  readonly title: string;
  readonly status: number;
  /** One or two sentences: what is wrong, and what to do about it. */
  readonly detail: string;
  /** The path of the request. */
  readonly instance: string;
  readonly code: ProblemCode;
  /** The issues of a `validation_failed`, or of a row that would be too large: the first 100, with names as the caller wrote them. */
  readonly errors?: readonly { readonly path: string; readonly message: string }[] | undefined;
  /** The field of a `conflict` or a `related_row_missing`, if it is known. */
  readonly field?: string | undefined;
  /** The id that a `related_row_missing` refers to. */
  readonly id?: string | undefined;
  /** The data layer's code, if `code` is less specific: `retryable`, `transaction_lost`, `schema_version`. */
  readonly reason?: string | undefined;
  /** The outcome of a lost transaction: `rolled_back` or `unknown`. */
  readonly outcome?: string | undefined;
}

/** The request that failed, as far as its problem mentions it. */
export interface FailedRequest {
  readonly path: string;
  readonly requestId: string;
  /** The path's name for the row's id, and the service's: `{ task_id, id }`. */
  readonly id?: { readonly wireName: string; readonly name: string } | undefined;
}

/** The problem that the caller gets for `error`, whatever was thrown. */
export function toProblem(error: unknown, request: FailedRequest): Problem {
  if (error instanceof InvalidRequestError) return issuesProblem(error.issues, request);
  if (error instanceof HttpError) return problemOf(error.code, error.message, request.path);
  if (isDaoError(error)) return daoProblem(error, request);
  return internalError(request);
}

export function problemResponse(error: unknown, request: FailedRequest): WholeResponse {
  const problem = toProblem(error, request);
  const headers = {
    "content-type": "application/problem+json",
    "cache-control": "no-store",
    ...(problem.code === "unavailable" && { "retry-after": String(RETRY_AFTER) }),
    ...(error instanceof HttpError && error.headers),
  };
  return { status: problem.status, headers, body: JSON.stringify(problem) };
}

export function problemOf(code: ProblemCode, detail: string, instance: string, members?: Partial<Problem>): Problem {
  const { status, title } = PROBLEM_CODES[code];
  return { type: `urn:flux-dao:error:${code}`, title, status, detail, instance, code, ...members };
}

function internalError({ path, requestId }: FailedRequest): Problem {
  const detail = `An unexpected error occurred. The service's log has the details under the request id ${requestId}.`;
  return problemOf("internal_error", detail, path);
}

/** The problems of errors whose own codes are too specific; those are their `reason`. */
const widerCodes: Partial<Record<DaoErrorCode, ProblemCode>> = {
  retryable: "conflict",
  transaction_lost: "unavailable",
  schema_version: "unavailable",
};

type DaoErrorMembers = Partial<
  Pick<ValidationError, "issues" | "isTooLarge"> &
    Pick<RelatedRowMissingError, "field" | "id"> &
    Pick<TransactionLostError, "outcome">
>;

/** By what it has, not by class: the error may come from another copy of the data layer. */
function daoProblem(error: DaoError & DaoErrorMembers, request: FailedRequest): Problem {
  const { code: reason, message, issues, isTooLarge = false, field = "", id, outcome } = error;
  if (issues !== undefined) {
    // The rest is only counted: renaming 100,000 paths to show 100 would be wasted.
    const named = issues.map((issue, index) => (index < PROBLEM_ERRORS ? withCallersNames(issue, request) : issue));
    return issuesProblem(named, request, isTooLarge ? "payload_too_large" : "validation_failed");
  }
  const code = widerCodes[reason] ?? reason;
  if (!isProblemCode(code)) return internalError(request);
  const wireField = toWirePath(field);
  const detail = message.replace(field, () => wireField);
  const members = { ...(field !== "" && { field: wireField }), id, ...(code !== reason && { reason }), outcome };
  return problemOf(code, detail, request.path, members);
}

function isProblemCode(code: string): code is ProblemCode {
  return Object.hasOwn(PROBLEM_CODES, code);
}

function withCallersNames({ path, message }: ValidationIssue, { id }: FailedRequest): ValidationIssue {
  return { path: path === id?.name ? id.wireName : toWirePath(path), message };
}

/** There may be as many issues as a body has values. */
function issuesProblem(
  issues: readonly ValidationIssue[],
  { path }: FailedRequest,
  code: ProblemCode = "validation_failed",
): Problem {
  const more = ` (and ${issues.length - 1} more: errors has the first ${PROBLEM_ERRORS}).`;
  const detail =
    issues.length <= PROBLEM_ERRORS ? describeIssues(issues) : describeIssues(issues.slice(0, 1)).replace(/\.$/, more);
  return problemOf(code, detail, path, { errors: issues.slice(0, PROBLEM_ERRORS) });
}
