import {
  type ConflictError,
  type DaoError,
  describeIssues,
  isDaoError,
  RelatedRowMissingError,
  type TransactionLostError,
  type ValidationError,
  type ValidationIssue,
} from "@flux/dao-core/errors";
import { toWirePath } from "../wire/field-names.ts";
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
  if (error instanceof HttpError) return problem(error.code, error.message, request);
  if (isDaoError(error)) return daoProblem(error, request);
  return internalError(request);
}

/** The headers of a response with `error` and its problem. */
export function problemHeaders(error: unknown, { code }: Problem): Readonly<Record<string, string>> {
  if (error instanceof HttpError) return error.headers;
  return code === "unavailable" ? { "retry-after": String(RETRY_AFTER) } : {};
}

/** The response to a request that failed with `error`. */
export function problemResponse(error: unknown, request: FailedRequest): WholeResponse {
  const problem = toProblem(error, request);
  const headers = {
    "content-type": "application/problem+json",
    "cache-control": "no-store",
    ...problemHeaders(error, problem),
  };
  return { status: problem.status, headers, body: JSON.stringify(problem) };
}

function problem(code: ProblemCode, detail: string, request: FailedRequest, members?: Partial<Problem>): Problem {
  const { status, title } = PROBLEM_CODES[code];
  return { type: `urn:flux-dao:error:${code}`, title, status, detail, instance: request.path, code, ...members };
}

function internalError(request: FailedRequest): Problem {
  const detail = `An unexpected error occurred. The service's log has the details under the request id ${request.requestId}.`;
  return problem("internal_error", detail, request);
}

/** By code, not by class: the error may come from another copy of the data layer. */
function daoProblem(error: DaoError, request: FailedRequest): Problem {
  if (hasCode<ValidationError>(error, "validation_failed")) return validationProblem(error, request);
  if (hasCode<RelatedRowMissingError>(error, "related_row_missing")) {
    const field = toWirePath(error.field);
    const { message } = new RelatedRowMissingError(field, error.id);
    return problem("related_row_missing", message, request, { field, id: error.id });
  }
  if (hasCode<ConflictError>(error, "conflict")) {
    const field = error.field === undefined ? undefined : toWirePath(error.field);
    const detail = field === undefined ? error.message : error.message.replace(error.field ?? field, field);
    return problem("conflict", detail, request, { field });
  }
  if (hasCode<TransactionLostError>(error, "transaction_lost")) {
    const { code: reason, outcome } = error;
    return problem("unavailable", error.message, request, { reason, outcome });
  }
  switch (error.code) {
    case "not_found":
    case "version_mismatch":
    case "idempotency_key_reused":
      return problem(error.code, error.message, request);
    case "retryable":
      return problem("conflict", error.message, request, { reason: error.code });
    case "unavailable":
      return problem("unavailable", error.message, request);
    case "schema_version":
      return problem("unavailable", error.message, request, { reason: error.code });
    default:
      return internalError(request);
  }
}

function hasCode<Kind extends DaoError>(error: DaoError, code: Kind["code"]): error is Kind {
  return error.code === code;
}

function validationProblem({ issues, isTooLarge }: ValidationError, request: FailedRequest): Problem {
  return issuesProblem(
    // The rest is only counted: renaming 100,000 paths to show 100 would be wasted.
    issues.map((issue, index) => (index < PROBLEM_ERRORS ? withCallersNames(issue, request) : issue)),
    request,
    isTooLarge ? "payload_too_large" : "validation_failed",
  );
}

function withCallersNames({ path, message }: ValidationIssue, { id }: FailedRequest): ValidationIssue {
  return { path: path === id?.name ? id.wireName : toWirePath(path), message };
}

/** The problem for these issues; there may be as many as a body has values. */
function issuesProblem(
  issues: readonly ValidationIssue[],
  request: FailedRequest,
  code: "validation_failed" | "payload_too_large" = "validation_failed",
): Problem {
  const detail =
    issues.length <= PROBLEM_ERRORS
      ? describeIssues(issues)
      : describeIssues(issues.slice(0, 1)).replace(
          /\.$/,
          ` (and ${issues.length - 1} more: errors has the first ${PROBLEM_ERRORS}).`,
        );
  return problem(code, detail, request, { errors: issues.slice(0, PROBLEM_ERRORS) });
}
