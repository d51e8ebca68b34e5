import * as errors from "@flux/dao-core/errors";
import type { Operation, Shape } from "../api/operation.ts";
import { decode, toCamelCase, toFieldPath, toWirePath } from "../wire/json.ts";
import { InvalidServiceKeyError, type ResponseHead, UnexpectedResponseError, unexpectedResponse } from "./errors.ts";

/**
 * The result in a response.
 * @throws the service's error; UnavailableError if the response is not the service's, UnexpectedResponseError if it comes from
 *   another version of the service
 */
export function resultOf(head: ResponseHead, text: string, operation: Operation): unknown {
  const { status, requestId } = head;
  if (operation.result === undefined ? status !== 204 : status !== 200 && status !== 201) {
    throw responseError(head, text, operation);
  }
  const result = operation.result && checkedResult(parseJson(text), head, operation);
  // A proxy's own 204 looks like a deletion, and its [] like a list.
  if (requestId === undefined) throw unexpectedResponse(head, operation.method, "no X-Request-Id");
  return result;
}

/** The value of JSON text, or `undefined` if it is not valid. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** @throws as {@link resultOf} */
export function checkedResult(body: unknown, head: ResponseHead, operation: Operation): unknown {
  const { method, result: shape = "json" } = operation;
  if (body === undefined) throw unexpectedResponse(head, method, "not JSON");
  return checkShape(decode(body, reading), shape, head, method);
}

/** Returns `result` if it has the shape. @throws as {@link resultOf} */
export function checkShape(result: unknown, shape: Shape, head: ResponseHead, method: string): unknown {
  const fault = findFault(result, shape);
  if (fault === undefined) return result;
  const flaw = fault === "" ? "JSON of another kind" : `JSON whose ${toWirePath(fault)} is missing or of another kind`;
  const { status, requestId } = head;
  if (requestId === undefined) throw unexpectedResponse(head, method, flaw);
  const what = `The service responded with ${flaw}. Use a client of the service's version.`;
  throw new UnexpectedResponseError(status, what, { requestId });
}

/** Instants have one form, which every runtime parses. Fields that a later version of the service adds are kept. */
const reading = {
  instant(text: string): Date | undefined {
    const instant = new Date(text);
    return Number.isNaN(instant.getTime()) ? undefined : instant;
  },
  nameOf: toCamelCase,
  maxItems: Number.POSITIVE_INFINITY,
};

/** The path of the first field that does not match `shape`, `""` for `value` itself; `undefined` if all match. */
function findFault(value: unknown, shape: Shape): string | undefined {
  if (typeof shape === "string") return isScalar(value, shape) ? undefined : "";
  if (isList(shape) && shape[1] === null) return value === null ? undefined : findFault(value, shape[0]);
  if (typeof value !== "object" || value === null || Array.isArray(value) !== isList(shape)) return "";
  for (const name of Object.keys(isList(shape) ? value : shape)) {
    const fault = findFault(Reflect.get(value, name), isList(shape) ? shape[0] : (shape[name] ?? "json"));
    if (fault !== undefined) return fault === "" ? name : `${name}.${fault}`;
  }
  return undefined;
}

function isList(shape: Exclude<Shape, string>): shape is readonly [item: Shape] | readonly [item: Shape, orNull: null] {
  return Array.isArray(shape);
}

function isScalar(value: unknown, shape: string): boolean {
  if (shape === "json") return value !== undefined;
  if (value === null) return shape.endsWith(" or null");
  return shape.startsWith("instant") ? value instanceof Date : typeof value === shape.replace(" or null", "");
}

/** The error that the service threw, recreated from its problem; or an error for a response that is not a problem. */
export function responseError(head: ResponseHead, text: string, operation: Operation): Error {
  const { status, requestId } = head;
  const { status: own = status, errors: issues, ...members }: Record<string, unknown> = Object(parseJson(text));
  const texts = Object.entries(members).filter((member): member is [string, string] => typeof member[1] === "string");
  const { type, code, detail, ...others }: Partial<Record<string, string>> = Object.fromEntries(texts);
  // Gateways use the same member names, and their "not_found" means a route, not a row.
  const isOurs = type?.startsWith("urn:flux-dao:error:") === true && own === status;
  if (!isOurs || code === undefined || detail === undefined) return unexpectedResponse(head, operation.method);
  if (code === "invalid_service_key") return new InvalidServiceKeyError(detail, requestId);
  const problem = { ...others, detail, issues: Array.isArray(issues) ? issues : undefined };
  for (const name of [others["reason"] ?? code, code]) {
    const error = Object.hasOwn(daoErrors, name) ? daoErrors[name]?.(problem, operation) : undefined;
    if (error === undefined) continue;
    const number =
      operation.path === BATCH_PATH ? /^\d+/.exec(textOf(Object(problem.issues?.[0]).path))?.[0] : undefined;
    return number === undefined ? error : Object.assign(error, { operation: Number(number) });
  }
  // From another version of the service: its sentence is still useful.
  if (status === 503) return new errors.UnavailableError(detail);
  return new UnexpectedResponseError(status, detail, { code, ...(requestId !== undefined && { requestId }) });
}

/** Of batches, in whose problems each path begins with an operation's number. */
const BATCH_PATH = "/api/v1/batch";

interface Problem extends Partial<Record<"field" | "id" | "outcome", string>> {
  readonly detail: string;
  readonly issues: readonly unknown[] | undefined;
}

const daoErrors: Readonly<Record<string, (problem: Problem, operation: Operation) => Error | undefined>> = {
  validation_failed: (problem, operation) => validationError(problem, operation, false),
  // Of a row; that of a body has no issues.
  payload_too_large: (problem, operation) => problem.issues && validationError(problem, operation, true),
  not_found: ({ detail }) => withMessage(new errors.NotFoundError("row", ""), detail),
  conflict: ({ detail, field }) => new errors.ConflictError(detail, { field: field && toFieldPath(field) }),
  related_row_missing: ({ field = "", id }) => new errors.RelatedRowMissingError(toFieldPath(field), id),
  version_mismatch: ({ detail }) => withMessage(new errors.VersionMismatchError("row", ""), detail),
  idempotency_key_reused: ({ detail }) => withMessage(new errors.IdempotencyKeyReusedError(), detail),
  retryable: ({ detail }) => new errors.RetryableError(detail),
  unavailable: ({ detail }) => new errors.UnavailableError(detail),
  transaction_lost: ({ outcome }) =>
    new errors.TransactionLostError(outcome === "rolled_back" ? "rolled_back" : "unknown"),
  schema_version: ({ detail }) => new errors.SchemaVersionError(detail),
  cursor_expired: () => new errors.CursorExpiredError(),
  changes_disabled: ({ detail }) => withMessage(new errors.ChangesDisabledError(""), detail),
};

function validationError({ issues = [], detail }: Problem, { id, path: template }: Operation, isTooLarge: boolean) {
  const renamed = issues.map((issue) => {
    const { path, message }: Record<string, unknown> = Object(issue);
    const isId = id !== undefined && template.includes(`{${path}}`);
    return { path: isId ? id : toFieldPath(textOf(path)), message: textOf(message) };
  });
  const error = new errors.ValidationError(renamed, { isTooLarge });
  return issues.length === 0 ? withMessage(error, detail) : error;
}

const textOf = (value: unknown) => (typeof value === "string" ? value : "");

/** The class composes its message of parts that only the service knows; the problem has the result. */
function withMessage<Kind extends Error>(error: Kind, message: string): Kind {
  const { message: before, stack } = error;
  error.message = message;
  if (stack !== undefined) error.stack = stack.replace(before, () => message);
  return error;
}
