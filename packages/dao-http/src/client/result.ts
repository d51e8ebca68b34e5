import type { Operation, Shape } from "../api/operation.ts";
import { decode, toCamelCase, toWirePath } from "../wire/json.ts";
import { type ResponseHead, UnexpectedResponseError, unexpectedResponse } from "./errors.ts";
import { parseJson, toResponseError } from "./problem.ts";

/**
 * The result in a response.
 * @throws the service's error; UnavailableError if the response is not the service's, UnexpectedResponseError if it is of a service
 *   of another version
 */
export function resultOf(head: ResponseHead, text: string, operation: Operation): unknown {
  const { status, requestId } = head;
  if (operation.result === undefined ? status !== 204 : status !== 200 && status !== 201) {
    throw toResponseError(head, text, operation);
  }
  const result = operation.result && checkedResult(parseJson(text), head, operation);
  // A proxy's own 204 looks like a deletion, and its [] like a list.
  if (requestId === undefined) throw unexpectedResponse(head, operation.method, "no X-Request-Id");
  return result;
}

/**
 * Decodes `body` and checks the shape of the result.
 * @throws as {@link resultOf}
 */
export function checkedResult(body: unknown, head: ResponseHead, operation: Operation): unknown {
  const { method, result: shape = "json" } = operation;
  if (body === undefined) throw unexpectedResponse(head, method, "not JSON");
  const result = decode(body, reading);
  const fault = findFault(result, shape);
  if (fault === undefined) return result;
  const flaw = fault === "" ? "JSON of another kind" : `JSON whose ${toWirePath(fault)} is missing or of another kind`;
  const { status, requestId } = head;
  if (requestId === undefined) throw unexpectedResponse(head, method, flaw);
  const what = `The service responded with ${flaw}. Use a client of the service's version.`;
  throw new UnexpectedResponseError(status, what, { requestId });
}

/** The service writes instants in one form, which every runtime parses. */
function readInstant(text: string): Date | undefined {
  const instant = new Date(text);
  return Number.isNaN(instant.getTime()) ? undefined : instant;
}

/** Fields that a later version of the service adds are kept. */
const reading = { instant: readInstant, nameOf: toCamelCase, maxItems: Number.POSITIVE_INFINITY };

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
