import { describeIssues, type ValidationIssue } from "@flux/dao-core/errors";
import { MIN_PROGRESS } from "../wire/limits.ts";

/** Every `code` of a problem, with its status and title (contract, "Errors"). */
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

/** A request is invalid as HTTP, whatever a service would say of it. The message is the problem's `detail`. */
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
  readonly issues: readonly ValidationIssue[];

  constructor(issues: readonly ValidationIssue[]) {
    super("validation_failed", describeIssues(issues));
    this.issues = issues;
  }
}

/** @param path of the issue; `""` stands for the whole request */
export function invalidRequest(message: string, path = ""): InvalidRequestError {
  return new InvalidRequestError([{ path, message }]);
}

/** The client closed its connection while its request waited: there is no one left to respond to. */
export class ClientGoneError extends Error {
  constructor() {
    super("The client closed its connection while its request waited.");
    this.name = "ClientGoneError";
  }
}

export function bodyTooLarge(limit: number): HttpError {
  return new HttpError("payload_too_large", `The body has more than ${limit} bytes. Send less, in several requests.`);
}

export function bodyTooSlow(timeout: number): HttpError {
  return new HttpError(
    "request_timeout",
    `The body arrived too slowly: less than ${MIN_PROGRESS} bytes in ${timeout / 1_000} s of waiting for it. Send it again, without pauses.`,
    { connection: "close" },
  );
}

/** The error for a body that the host has already read, at least in part: waiting for it would never end. */
export function bodyReadAlready(): HttpError {
  return new HttpError(
    "internal_error",
    "The host of this service has already read the body. Mount the app before middleware that parses bodies, such as express.json().",
  );
}

/** The error for a body whose sender stopped halfway; usually no one is left to read it. */
export const bodyBrokeOff = () => invalidRequest("has a body that broke off; send it again, in full");
