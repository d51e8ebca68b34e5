import { describeIssues, type ValidationIssue } from "@flux/dao-core/errors";

/** Every `code` that the API answers, with its status and the title of its kind (contract, "Errors"). */
export const PROBLEM_CODES = {
  validation_failed: { status: 400, title: "Validation failed" },
  invalid_service_key: { status: 403, title: "Invalid service key" },
  not_found: { status: 404, title: "Not found" },
  method_not_allowed: { status: 405, title: "Method not allowed" },
  request_timeout: { status: 408, title: "Request timeout" },
  conflict: { status: 409, title: "Conflict" },
  version_mismatch: { status: 412, title: "Version mismatch" },
  payload_too_large: { status: 413, title: "Payload too large" },
  unsupported_media_type: { status: 415, title: "Unsupported media type" },
  related_row_missing: { status: 422, title: "Related row missing" },
  idempotency_key_reused: { status: 422, title: "Idempotency key reused" },
  headers_too_large: { status: 431, title: "Headers too large" },
  internal_error: { status: 500, title: "Internal error" },
  unavailable: { status: 503, title: "Service unavailable" },
} as const satisfies Record<string, { readonly status: number; readonly title: string }>;

export type ProblemCode = keyof typeof PROBLEM_CODES;

/** What is wrong with a request as HTTP, before any service has seen it. The message is the problem's `detail`. */
export class HttpError extends Error {
  readonly code: ProblemCode;
  /** Headers that the status demands, such as `allow`. */
  readonly headers: Readonly<Record<string, string>>;
  constructor(code: ProblemCode, detail: string, headers: Readonly<Record<string, string>> = {}) {
    super(detail);
    this.name = "HttpError";
    this.code = code;
    this.headers = headers;
  }
}

/** A request that breaks rules which no service knows of, because they are HTTP's. */
export class InvalidRequestError extends HttpError {
  /** With names as the caller wrote them; a path of `""` is the request as a whole. */
  readonly issues: readonly ValidationIssue[];

  constructor(issues: readonly ValidationIssue[]) {
    super("validation_failed", describeIssues(issues));
    this.issues = issues;
  }
}

/** The client has closed its connection before its request was at work: there is no one left to respond to. */
export class ClientGoneError extends Error {
  constructor() {
    super("The client closed its connection while its request waited.");
    this.name = "ClientGoneError";
  }
}
