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
import { toWirePath } from "../wire/field-path.ts";
import { HttpError, InvalidRequestError, PROBLEM_CODES, type ProblemCode } from "./http-error.ts";
import type { WholeResponse } from "./http-message.ts";

/** An error as the API answers it: RFC 9457 problem details, with members of our own from `code` on. */
export interface Problem {
  /** Names the kind of problem, one for one with `code`. A URN: there is nothing to fetch. */
  readonly type: string;
  readonly title: string;
  readonly status: number;
  /** One sentence or two: what is wrong, and what to do about it. */
  readonly detail: string;
  /** The path of the request. */
  readonly instance: string;
  readonly code: ProblemCode;
  /** The broken rules of a `validation_failed`, or of a row that would be too large, at most the first 100, with names as the caller wrote them. */
  readonly errors?: readonly { readonly path: string; readonly message: string }[] | undefined;
  /** The field that a `conflict` or a `related_row_missing` is about, where it is known. */
  readonly field?: string | undefined;
  /** The id that a `related_row_missing` names. */
  readonly id?: string | undefined;
  /** The data layer's own code, where `code` is wider: `retryable`, `transaction_lost`, `schema_version`. */
  readonly reason?: string | undefined;
  /** What became of a transaction that was lost: `rolled_back` or `unknown`. */
  readonly outcome?: string | undefined;
}

/** How many broken rules a problem lists: enough to mend a request by, and never an answer of megabytes. */
export const MAX_ERRORS = 100;

/** Seconds after which a caller may try again; the data layer serves again within 2 s of a fault's end. */
const RETRY_AFTER = "2";

/** The request that failed, as far as its problem tells of it. */
export interface FailedRequest {
  readonly path: string;
  readonly requestId: string;
  /** What the path calls the id of the row, and what the service does: `{ task_id, id }`. */
  readonly id?: { readonly wireName: string; readonly name: string } | undefined;
}

/** The problem that `error` is to the caller, whatever was thrown. Knows of the request only what it is told. */
export function toProblem(error: unknown, request: FailedRequest): Problem {
  if (error instanceof InvalidRequestError) return issuesProblem(error.issues, request);
  if (error instanceof HttpError) return problem(error.code, error.message, request);
  if (isDaoError(error)) return daoProblem(error, request);
  return internalError(request);
}

/** The headers that go with `error` and its problem. */
export function problemHeaders(error: unknown, { code }: Problem): Readonly<Record<string, string>> {
  if (error instanceof HttpError) return error.headers;
  return code === "unavailable" ? { "retry-after": RETRY_AFTER } : {};
}

/** The answer that says so. */
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
  const detail = `Something unforeseen went wrong. The service's log says what, under the request id ${request.requestId}.`;
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
    // The rest is counted only: renaming 100,000 paths to show 100 would be in vain.
    issues.map((issue, index) => (index < MAX_ERRORS ? inCallersWords(issue, request) : issue)),
    request,
    isTooLarge ? "payload_too_large" : "validation_failed",
  );
}

function inCallersWords({ path, message }: ValidationIssue, { id }: FailedRequest): ValidationIssue {
  return { path: path === id?.name ? id.wireName : toWirePath(path), message };
}

/** The problem of these broken rules, of which there may be as many as a body has values. */
function issuesProblem(
  issues: readonly ValidationIssue[],
  request: FailedRequest,
  code: "validation_failed" | "payload_too_large" = "validation_failed",
): Problem {
  const detail =
    issues.length <= MAX_ERRORS
      ? describeIssues(issues)
      : describeIssues(issues.slice(0, 1)).replace(
          /\.$/,
          ` (and ${issues.length - 1} more: errors has the first ${MAX_ERRORS}).`,
        );
  return problem(code, detail, request, { errors: issues.slice(0, MAX_ERRORS) });
}
