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
import type { Operation } from "../api/operation.ts";
import { toFieldPath } from "../wire/field-names.ts";
import { InvalidServiceKeyError, UnexpectedResponseError } from "./client-errors.ts";
import { parseJson } from "./connection.ts";
import { type ReceivedResponse, unexpectedResponse } from "./unexpected-response.ts";

const PROBLEM_TYPE = "urn:flux-dao:error:";

/** The error that the service threw, recreated from its problem; or an error for a response that is not a problem. */
export function toResponseError(response: ReceivedResponse, operation: Operation): Error {
  const { status, requestId } = response;
  const problem = problemOf(response);
  if (problem === undefined) return unexpectedResponse(response, operation.method);
  const { code, detail } = problem;
  if (code === "invalid_service_key") return new InvalidServiceKeyError(detail, requestId);
  const reason = member(problem.body, "reason");
  return (
    (reason && daoError(reason, problem, operation)) ||
    daoError(code, problem, operation) ||
    // Of a service of another version: its sentence is still useful.
    (status === 503
      ? new UnavailableError(detail)
      : new UnexpectedResponseError(status, detail, { code, ...(requestId !== undefined && { requestId }) }))
  );
}

/** A problem document of the service. */
interface Problem {
  readonly code: string;
  readonly detail: string;
  readonly body: object;
}

function problemOf({ status, text }: ReceivedResponse): Problem | undefined {
  const body = parseJson(text);
  if (typeof body !== "object" || body === null) return undefined;
  const [code, detail] = [member(body, "code"), member(body, "detail")];
  // Gateways use these member names too, and their "not_found" means a route, not a row.
  const isOurs = member(body, "type")?.startsWith(PROBLEM_TYPE) === true;
  const isOfResponse = !("status" in body) || body.status === status;
  return isOurs && isOfResponse && code !== undefined && detail !== undefined ? { code, detail, body } : undefined;
}

function daoError(code: string, { detail, body }: Problem, operation: Operation): Error | undefined {
  const field = member(body, "field");
  switch (code) {
    case "validation_failed":
      return validationError(body, detail, operation);
    case "payload_too_large":
      // Of a row; that of a body has no issues.
      return Array.isArray(Reflect.get(body, "errors")) ? validationError(body, detail, operation, true) : undefined;
    case "not_found":
      return withMessage(new NotFoundError("row", ""), detail);
    case "conflict":
      return new ConflictError(detail, { field: field && toFieldPath(field) });
    case "related_row_missing":
      return new RelatedRowMissingError(toFieldPath(field ?? ""), member(body, "id"));
    case "version_mismatch":
      return withMessage(new VersionMismatchError("row", ""), detail);
    case "idempotency_key_reused":
      return withMessage(new IdempotencyKeyReusedError(), detail);
    case "retryable":
      return new RetryableError(detail);
    case "unavailable":
      return new UnavailableError(detail);
    case "transaction_lost":
      return new TransactionLostError(member(body, "outcome") === "rolled_back" ? "rolled_back" : "unknown");
    case "schema_version":
      return new SchemaVersionError(detail);
    default:
      return undefined;
  }
}

function member(body: object, name: string): string | undefined {
  const value: unknown = Reflect.get(body, name);
  return typeof value === "string" ? value : undefined;
}

function validationError(body: object, detail: string, { id, path }: Operation, isTooLarge = false): ValidationError {
  const errors: unknown = Reflect.get(body, "errors");
  const idParameter = /\{(\w+)\}/.exec(path)?.[1];
  const issues = (Array.isArray(errors) ? errors : []).map((issue: unknown): ValidationIssue => {
    const wirePath = member(Object(issue), "path") ?? "";
    const isId = id !== undefined && wirePath === idParameter;
    return { path: isId ? id : toFieldPath(wirePath), message: member(Object(issue), "message") ?? "" };
  });
  const error = new ValidationError(issues, { isTooLarge });
  return issues.length === 0 ? withMessage(error, detail) : error;
}

/** The class builds its message from parts that only the service knows; the problem has the result. */
function withMessage<Kind extends Error>(error: Kind, message: string): Kind {
  const { message: before, stack } = error;
  error.message = message;
  if (stack !== undefined) error.stack = stack.replace(before, () => message);
  return error;
}
