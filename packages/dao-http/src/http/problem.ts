import * as errors from "@flux/dao-core/errors";
import { toWirePath } from "../wire/json.ts";
import { PROBLEM_ERRORS, RETRY_AFTER } from "../wire/limits.ts";
import type { WholeResponse } from "./http-message.ts";

/** Every `code` of a problem, with its status and title (contract, "Errors"). */
export const PROBLEM_CODES = {
  validation_failed: { status: 400, title: "Validation failed" },
  invalid_service_key: { status: 403, title: "Invalid service key" },
  not_found: { status: 404, title: "Not found" },
  method_not_allowed: { status: 405, title: "Method not allowed" },
  request_timeout: { status: 408, title: "Request timeout" },
  conflict: { status: 409, title: "Conflict" },
  cursor_expired: { status: 410, title: "Cursor expired" },
  version_mismatch: { status: 412, title: "Version mismatch" },
  payload_too_large: { status: 413, title: "Payload too large" },
  unsupported_media_type: { status: 415, title: "Unsupported media type" },
  related_row_missing: { status: 422, title: "Related row missing" },
  idempotency_key_reused: { status: 422, title: "Idempotency key reused" },
  headers_too_large: { status: 431, title: "Headers too large" },
  internal_error: { status: 500, title: "Internal error" },
  changes_disabled: { status: 501, title: "Changes disabled" },
  unavailable: { status: 503, title: "Service unavailable" },
} as const satisfies Record<string, { readonly status: number; readonly title: string }>;

export type ProblemCode = keyof typeof PROBLEM_CODES;

/** A request is invalid as HTTP, before a service sees it. The message is the problem's `detail`. */
export class HttpError extends Error {
  readonly code: ProblemCode;
  /** Headers that the status requires, such as `allow`. */
  readonly headers: Readonly<Record<string, string>>;
  constructor(code: ProblemCode, detail: string, headers: Readonly<Record<string, string>> = {}) {
    super(detail);
    this.name = "HttpError";
    this.code = code;
    this.headers = headers;
  }
}

/** A request breaks rules of HTTP, which services do not know. */
export class InvalidRequestError extends HttpError {
  /** With names as the caller wrote them; a path of `""` stands for the whole request. */
  readonly issues: readonly errors.ValidationIssue[];

  constructor(issues: readonly errors.ValidationIssue[]) {
    super("validation_failed", errors.describeIssues(issues));
    this.issues = issues;
  }
}

/** @param path of the issue; `""` stands for the whole request */
export function invalidRequest(message: string, path = ""): InvalidRequestError {
  return new InvalidRequestError([{ path, message }]);
}

/** The client disconnected while its request waited, so no response is needed. */
export class ClientGoneError extends Error {
  constructor() {
    super("The client closed its connection while its request waited.");
    this.name = "ClientGoneError";
  }
}

export function bodyTooLarge(limit: number): HttpError {
  return new HttpError("payload_too_large", `The body has more than ${limit} bytes. Send less, in several requests.`);
}

/** The error for a body that the host has already read, at least in part: waiting for it would not end. */
export function bodyReadAlready(): HttpError {
  return new HttpError(
    "internal_error",
    "The host of this service has already read the body. " +
      "Mount the app before express.json() and other parsers; in Fastify remove its content type parsers.",
  );
}

/** The error for a body whose sender stopped halfway; usually no one receives it. */
export const bodyBrokeOff = () => invalidRequest("has a body that broke off; send it again, in full");

/** An error in a response: RFC 9457 problem details, with members of our own from `code` on. */
export interface Problem {
  /** Identifies the kind of problem, one per `code`. A URN, since there is nothing to fetch. */
  readonly type: string;
  readonly title: string;
  readonly status: number;
  /** One or two sentences: what is wrong, and what to do about it. */
  readonly detail: string;
  /** The path of the request. */
  readonly instance: string;
  readonly code: ProblemCode;
  /**
   * The issues of a `validation_failed`, or of a row that would be too large: the first 100, with names as the caller wrote them.
   * Of a batch also the place of any other failure; there each path begins with the operation's number, from 0.
   */
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

/** The parts of a failed request that its problem mentions. */
export interface FailedRequest {
  readonly path: string;
  readonly requestId: string;
  /** The path's name for the row's id, and the service's: `{ task_id, id }`. */
  readonly id?: { readonly wireName: string; readonly name: string } | undefined;
  /** The page that describes errors, relative to the request; absent if it is not served. */
  readonly help?: string | undefined;
}

/** The problem that the caller gets for `error`, whatever was thrown. */
export function toProblem(error: unknown, request: FailedRequest): Problem {
  if (error instanceof InvalidRequestError) return issuesProblem(error.issues, request);
  if (error instanceof HttpError) return problemOf(error.code, error.message, request.path);
  if (errors.isDaoError(error)) return daoProblem(error, request);
  return internalError(request);
}

export function problemResponse(error: unknown, request: FailedRequest): WholeResponse {
  const problem = toProblem(error, request);
  const headers = {
    "content-type": "application/problem+json",
    "cache-control": "no-store",
    ...(request.help !== undefined && { link: `<${request.help}#${problem.code}>; rel="help"` }),
    ...(problem.code === "unavailable" && { "retry-after": String(RETRY_AFTER) }),
    ...(error instanceof HttpError && error.headers),
  };
  return { status: problem.status, headers, body: JSON.stringify(problem) };
}

function problemOf(code: ProblemCode, detail: string, instance: string, members?: Partial<Problem>): Problem {
  const { status, title } = PROBLEM_CODES[code];
  return { type: `urn:flux-dao:error:${code}`, title, status, detail, instance, code, ...members };
}

function internalError({ path, requestId }: FailedRequest): Problem {
  const detail = `An unexpected error occurred. The service's log has the details under the request id ${requestId}.`;
  return problemOf("internal_error", detail, path);
}

/** The problems of errors whose own codes are too specific; those are their `reason`. */
const widerCodes: Partial<Record<errors.DaoErrorCode, ProblemCode>> = {
  retryable: "conflict",
  transaction_lost: "unavailable",
  schema_version: "unavailable",
};

type DaoErrorMembers = Partial<
  Pick<errors.ValidationError, "issues" | "isTooLarge" | "operation"> &
    Pick<errors.RelatedRowMissingError, "field" | "id"> &
    Pick<errors.TransactionLostError, "outcome">
>;

/** By its properties, not by class: the error may come from another copy of the data layer. */
function daoProblem(error: errors.DaoError & DaoErrorMembers, request: FailedRequest): Problem {
  const { code: reason, message, issues, isTooLarge = false, field = "", id, outcome, operation } = error;
  if (issues !== undefined) {
    // The rest is only counted: renaming 100,000 paths to show 100 would be wasted.
    const named = issues.map((issue, index) => (index < PROBLEM_ERRORS ? withCallersNames(issue, request) : issue));
    return issuesProblem(named, request, isTooLarge ? "payload_too_large" : "validation_failed");
  }
  const code = widerCodes[reason] ?? reason;
  if (!isProblemCode(code)) return internalError(request);
  const wireField = toWirePath(field);
  const detail = message.replace(field, () => wireField);
  const place = field === "" ? String(operation) : `${operation}.${wireField}`;
  const members = {
    ...(operation !== undefined && { errors: [{ path: place, message: detail }] }),
    ...(field !== "" && { field: wireField }),
    id,
    ...(code !== reason && { reason }),
    outcome,
  };
  return problemOf(code, detail, request.path, members);
}

function isProblemCode(code: string): code is ProblemCode {
  return Object.hasOwn(PROBLEM_CODES, code);
}

function withCallersNames({ path, message }: errors.ValidationIssue, { id }: FailedRequest): errors.ValidationIssue {
  return { path: path === id?.name ? id.wireName : toWirePath(path), message };
}

/** There may be as many issues as a body has values. */
function issuesProblem(
  issues: readonly errors.ValidationIssue[],
  { path }: FailedRequest,
  code: ProblemCode = "validation_failed",
): Problem {
  const more = ` (and ${issues.length - 1} more: errors has the first ${PROBLEM_ERRORS}).`;
  const detail =
    issues.length <= PROBLEM_ERRORS
      ? errors.describeIssues(issues)
      : errors.describeIssues(issues.slice(0, 1)).replace(/\.$/, more);
  return problemOf(code, detail, path, { errors: issues.slice(0, PROBLEM_ERRORS) });
}
