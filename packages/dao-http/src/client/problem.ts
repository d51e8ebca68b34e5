import * as errors from "@flux/dao-core/errors";
import type { Operation } from "../api/operation.ts";
import { toFieldPath } from "../wire/json.ts";
import { InvalidServiceKeyError, type ResponseHead, UnexpectedResponseError, unexpectedResponse } from "./errors.ts";

/** The error that the service threw, recreated from its problem; or an error for a response that is not a problem. */
export function toResponseError(head: ResponseHead, text: string, operation: Operation): Error {
  const { status, requestId } = head;
  const problem = problemOf(status, parseJson(text));
  if (problem === undefined) return unexpectedResponse(head, operation.method);
  const { code, detail, reason = code } = problem;
  if (code === "invalid_service_key") return new InvalidServiceKeyError(detail, requestId);
  const error = daoError(reason, problem, operation) ?? daoError(code, problem, operation);
  if (error !== undefined) return error;
  // Of a service of another version: its sentence is still useful.
  if (status === 503) return new errors.UnavailableError(detail);
  return new UnexpectedResponseError(status, detail, { code, ...(requestId !== undefined && { requestId }) });
}

/** The value of JSON text, or `undefined` if it is not valid. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** What an error is made of. */
interface Problem extends Partial<Record<"reason" | "field" | "id" | "outcome", string>> {
  readonly code: string;
  readonly detail: string;
  readonly issues: readonly unknown[] | undefined;
}

function problemOf(status: number, body: unknown): Problem | undefined {
  const { status: own = status, errors: issues, ...members }: Record<string, unknown> = Object(body);
  const texts = Object.entries(members).filter((member): member is [string, string] => typeof member[1] === "string");
  const { type, code, detail, ...others }: Partial<Record<string, string>> = Object.fromEntries(texts);
  // Gateways use these member names too, and their "not_found" means a route, not a row.
  const isOurs = type?.startsWith("urn:flux-dao:error:") === true && own === status;
  if (!isOurs || code === undefined || detail === undefined) return undefined;
  return { ...others, code, detail, issues: Array.isArray(issues) ? issues : undefined };
}

function daoError(code: string, problem: Problem, operation: Operation): Error | undefined {
  const { detail, field, id, outcome, issues } = problem;
  switch (code) {
    case "validation_failed":
      return validationError(problem, operation);
    case "payload_too_large":
      // Of a row; that of a body has no issues.
      return issues && validationError(problem, operation, { isTooLarge: true });
    case "not_found":
      return withMessage(new errors.NotFoundError("row", ""), detail);
    case "conflict":
      return new errors.ConflictError(detail, { field: field && toFieldPath(field) });
    case "related_row_missing":
      return new errors.RelatedRowMissingError(toFieldPath(field ?? ""), id);
    case "version_mismatch":
      return withMessage(new errors.VersionMismatchError("row", ""), detail);
    case "idempotency_key_reused":
      return withMessage(new errors.IdempotencyKeyReusedError(), detail);
    case "retryable":
      return new errors.RetryableError(detail);
    case "unavailable":
      return new errors.UnavailableError(detail);
    case "transaction_lost":
      return new errors.TransactionLostError(outcome === "rolled_back" ? "rolled_back" : "unknown");
    case "schema_version":
      return new errors.SchemaVersionError(detail);
    default:
      return undefined;
  }
}

function validationError(
  { issues = [], detail }: Problem,
  { id, path: template }: Operation,
  options?: { readonly isTooLarge: boolean },
): errors.ValidationError {
  const renamed = issues.map((issue) => {
    const { path, message }: Record<string, unknown> = Object(issue);
    const isId = id !== undefined && template.includes(`{${path}}`);
    return { path: isId ? id : toFieldPath(textOf(path)), message: textOf(message) };
  });
  const error = new errors.ValidationError(renamed, options);
  return issues.length === 0 ? withMessage(error, detail) : error;
}

const textOf = (value: unknown) => (typeof value === "string" ? value : "");

/** The class builds its message from parts that only the service knows; the problem has the result. */
function withMessage<Kind extends Error>(error: Kind, message: string): Kind {
  const { message: before, stack } = error;
  error.message = message;
  if (stack !== undefined) error.stack = stack.replace(before, () => message);
  return error;
}
