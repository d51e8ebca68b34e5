import {
  ConflictError,
  IdempotencyKeyReusedError,
  NotFoundError,
  RelatedRowMissingError,
  RetryableError,
  SchemaVersionError,
  TransactionLostError,
  UnavailableError,
  ValidationError,
  type ValidationIssue,
  VersionMismatchError,
} from "@flux/dao-core/errors";
import type { Operation } from "../operations/operation.ts";
import { toFieldPath } from "../wire/field-path.ts";
import { InvalidServiceKeyError, UnexpectedResponseError } from "./client-errors.ts";

/** An answer that is no success. */
export interface FailedResponse {
  readonly status: number;
  readonly requestId: string | undefined;
  /** The body read as JSON, or `undefined` where it is none. */
  readonly body: unknown;
}

/** The error that the service threw on its side, made again from its problem; or that the answer is no problem of its. */
export function toResponseError(response: FailedResponse, operation: Operation): Error {
  const { status, requestId } = response;
  const detail = member(response, "detail");
  const code = member(response, "code");
  if (detail === undefined || code === undefined) {
    const what = `The answer has status ${status}, and is not one of the DAO service. Check the base URL.`;
    return new UnexpectedResponseError(status, what, { ...(requestId !== undefined && { requestId }) });
  }
  if (code === "invalid_service_key") return new InvalidServiceKeyError(detail, requestId);
  return (
    daoError(code, detail, response, operation) ??
    new UnexpectedResponseError(status, detail, { code, ...(requestId !== undefined && { requestId }) })
  );
}

function daoError(code: string, detail: string, response: FailedResponse, operation: Operation): Error | undefined {
  const field = member(response, "field");
  switch (member(response, "reason") ?? code) {
    case "validation_failed":
      return new ValidationError(issuesOf(response.body, operation));
    case "not_found":
      return withMessage(new NotFoundError("row", ""), detail);
    case "conflict":
      return new ConflictError(detail, { field: field && toFieldPath(field) });
    case "related_row_missing":
      return new RelatedRowMissingError(toFieldPath(field ?? ""), member(response, "id"));
    case "version_mismatch":
      return withMessage(new VersionMismatchError("row", ""), detail);
    case "idempotency_key_reused":
      return withMessage(new IdempotencyKeyReusedError(), detail);
    case "retryable":
      return new RetryableError(detail);
    case "unavailable":
      return new UnavailableError(detail);
    case "transaction_lost":
      return new TransactionLostError(member(response, "outcome") === "rolled_back" ? "rolled_back" : "unknown");
    case "schema_version":
      return new SchemaVersionError(detail);
    default:
      return undefined;
  }
}

function member({ body }: FailedResponse, name: string): string | undefined {
  if (typeof body !== "object" || body === null) return undefined;
  const value: unknown = Reflect.get(body, name);
  return typeof value === "string" ? value : undefined;
}

function issuesOf(body: unknown, { id, path }: Operation): ValidationIssue[] {
  const errors = typeof body === "object" && body !== null && "errors" in body ? body.errors : [];
  if (!Array.isArray(errors)) return [];
  const idParameter = /\{(\w+)\}/.exec(path)?.[1];
  return errors.map((issue: Partial<ValidationIssue>) => {
    const wirePath = String(issue.path ?? "");
    const isId = id !== undefined && wirePath === idParameter;
    return { path: isId ? id : toFieldPath(wirePath), message: String(issue.message ?? "") };
  });
}

/** The class makes its message of parts that only the service knows; what it made of them is in the problem. */
function withMessage<Kind extends Error>(error: Kind, message: string): Kind {
  const { message: before, stack } = error;
  error.message = message;
  if (stack !== undefined) error.stack = stack.replace(before, () => message);
  return error;
}
