import type { BatchOptions, CreateOptions, PutOptions } from "@flux/dao-core/contract";
import { ValidationError, type ValidationIssue } from "@flux/dao-core/errors";
import {
  LATEST,
  type Operation,
  type ParameterKind,
  POSITION_PATTERN,
  type QueryParameters,
  type ScalarKind,
  scalarOf,
} from "../api/operation.ts";
import { toSnakeCase } from "../wire/json.ts";
import { FILTER_VALUES, MAX_TIMEOUT } from "../wire/limits.ts";
import { isDate } from "../wire/realms.ts";

/** A call as its arguments describe it. */
export interface CallRequest {
  readonly operation: Operation;
  readonly target: string;
  /** Besides those of every call. */
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal | undefined;
  /** Milliseconds; `undefined` for the client's default. */
  readonly timeout: number | undefined;
  /** The position that a read must see. */
  readonly readAfter: string | undefined;
  readonly input: unknown;
}

/** @throws ValidationError for values that a path, a query string or a header cannot contain */
export function requestOf(operation: Operation, args: readonly unknown[]): CallRequest {
  const { target, input, options } = targetOf(operation, args);
  const { signal, timeout, readAfter, retries, ...others } = options;
  if (retries !== undefined) throw invalid("retries", "cannot be chosen over HTTP: the service retries nine times");
  if (timeout !== undefined && !(Number.isInteger(timeout) && timeout >= 1 && timeout <= MAX_TIMEOUT)) {
    throw invalid("timeout", `must be a whole number of milliseconds from 1 to ${MAX_TIMEOUT}`);
  }
  if (readAfter !== undefined && (readAfter === LATEST || !POSITION_PATTERN.test(readAfter))) {
    throw invalid("readAfter", "must be a position, as position() returns it");
  }
  return { operation, target, headers: headersOf(others, operation), signal, timeout, readAfter, input };
}

function targetOf(operation: Operation, args: readonly unknown[]) {
  const { path, id, query } = operation;
  const rest = id === undefined ? args : args.slice(1);
  const [input, options] = operation.input === "none" ? [undefined, rest[0]] : rest;
  const ownPath = id === undefined ? path : path.replace(/\{\w+\}/, checkedId(args[0], id));
  const target = query === undefined ? ownPath : ownPath + toQueryString(input === undefined ? {} : input, query);
  const given: ClientOptions = options ?? {};
  return { target, input, options: given };
}

/** A call as an operation of a batch: its input, and the other members in JSON. */
export function partOf(operation: Operation, args: readonly unknown[]) {
  const { target, input, options } = targetOf(operation, args);
  const { id, ifVersion, ...others } = options;
  for (const [name, value] of Object.entries(others)) {
    if (value !== undefined) throw invalid(name, "is not an option of an operation in a batch; pass it to the batch");
  }
  const { "if-match": ifMatch, "if-none-match": ifNoneMatch } = headersOf({ ifVersion }, operation);
  const { method, location } = operation;
  return { input, head: { method, path: target, id: location && id, ifMatch, ifNoneMatch } };
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Anything but a UUID could result in another path. */
function checkedId(id: unknown, field: string): string {
  if (typeof id === "string" && uuid.test(id)) return id;
  const rule = "must be a UUID, such as 0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d6e";
  throw invalid(field, id === undefined ? "is required" : rule);
}

export function invalid(path: string, message: string): ValidationError {
  return new ValidationError([{ path, message }]);
}

/**
 * The query string for a request object, with its question mark; empty without parameters. A query string has no types, so the
 * service could not tell `"2"` from `2`: they are checked here.
 * @throws ValidationError for an unknown parameter, or one of another type
 */
export function toQueryString(request: unknown, parameters: QueryParameters): string {
  if (typeof request !== "object" || request === null || Array.isArray(request)) throw invalid("", "must be an object");
  const pairs: string[] = [];
  const issues: ValidationIssue[] = [];
  for (const [name, value] of Object.entries(request)) {
    if (value === undefined) continue;
    const kind = Object.hasOwn(parameters, name) ? parameters[name] : undefined;
    for (const part of kind === undefined ? [{ path: name, problem: UNKNOWN }] : partsOf(name, value, kind)) {
      if ("problem" in part) issues.push({ path: part.path, message: part.problem });
      else {
        const text = isDate(part.value) ? part.value.toISOString() : String(part.value);
        pairs.push(`${toSnakeCase(part.name)}=${encodeURIComponent(text)}`);
      }
    }
  }
  if (issues.length > 0) throw new ValidationError(issues);
  return pairs.length === 0 ? "" : `?${pairs.join("&")}`;
}

const UNKNOWN = "is not a known parameter";

/** A parameter, or what is wrong with a part of the value. */
type Part = { readonly name: string; readonly value: unknown } | { readonly path: string; readonly problem: string };

/** The parameters that a value of a request becomes, as `readQuery` of the service reads them. */
function partsOf(name: string, value: unknown, kind: ParameterKind): Part[] {
  if (typeof kind !== "string") {
    const field = typeof value === "string" ? value.replace(/^-/, "") : "";
    if (!kind.includes(field))
      return [{ path: name, problem: `must be one of ${kind.join(", ")}, with - before it or not` }];
    return [{ name, value: `${String(value).slice(0, -field.length)}${toSnakeCase(field)}` }];
  }
  const [, form] = kind.split(" ");
  const part = (path: string, name: string, value: unknown): Part => {
    const problem = findProblem(value, scalarOf(kind));
    return problem === undefined ? { name, value } : { path, problem };
  };
  if (value === null && kind.endsWith(" or null")) return [{ name: "isNull", value: toSnakeCase(name) }];
  if (form === "list" && Array.isArray(value)) {
    if (value.length >= 1 && value.length <= FILTER_VALUES) {
      return Array.from(value, (one: unknown, index) => part(`${name}.${index}`, name, one));
    }
    return [{ path: name, problem: `must have 1 to ${FILTER_VALUES} values` }];
  }
  if (form !== "range") return [part(name, name, value)];
  const isObject = typeof value === "object" && !Array.isArray(value);
  const ends = Object.entries(isObject ? Object(value) : {}).filter(([, bound]) => bound !== undefined);
  if (ends.length === 0) return [{ path: name, problem: "must be a range: { from, before }, or one of the two" }];
  return ends.map(([end, bound]) => {
    if (end !== "from" && end !== "before") return { path: `${name}.${end}`, problem: UNKNOWN };
    return part(`${name}.${end}`, `${name}${end === "from" ? "From" : "Before"}`, bound);
  });
}

/** The type of a parameter's value, as `typeof` has it, and in words. */
const expected: Readonly<Record<ScalarKind, readonly [type: string, name: string]>> = {
  text: ["string", "text"],
  number: ["number", "a number"],
  boolean: ["boolean", "true or false"],
  instant: ["object", "a Date"],
};

function findProblem(value: unknown, kind: ScalarKind): string | undefined {
  const [type, name] = expected[kind];
  if (value === null) return `must not be null; send ${name}`;
  if (typeof value !== type || (kind === "instant" && !isDate(value))) return `must be ${name}`;
  if (isDate(value) && Number.isNaN(value.getTime())) return "must be a valid Date";
  if (typeof value === "string" && !value.isWellFormed()) return "must not contain an unpaired surrogate";
  return undefined;
}

type ClientOptions = CreateOptions & PutOptions & BatchOptions & { readonly idempotencyKey?: string | undefined };

const visibleAscii = /^[\x21-\x7e]{1,255}$/;

/** @throws ValidationError for values that a header cannot contain */
function headersOf({ id, idempotencyKey, ifVersion }: ClientOptions, operation: Operation): Record<string, string> {
  if (operation.keyed === undefined) {
    if (idempotencyKey !== undefined && operation.method === "POST") {
      throw invalid("idempotencyKey", "cannot be used here: give each task an id, so that none is created twice");
    }
    if (operation.preconditions !== "write" || ifVersion === undefined) return {};
    return ifVersion === null ? { "if-none-match": "*" } : { "if-match": tagList(ifVersion) };
  }
  if (id !== undefined) {
    throw invalid("id", "cannot be supplied over HTTP; send an idempotencyKey, so that the row is created once");
  }
  if (idempotencyKey === undefined) return {};
  if (typeof idempotencyKey !== "string" || !visibleAscii.test(idempotencyKey)) {
    throw invalid("idempotencyKey", "must be 1 to 255 visible ASCII characters");
  }
  return { "idempotency-key": `"${idempotencyKey.replace(/["\\]/g, "\\$&")}"` };
}

const sendable = /^[\x21\x23-\x7e]+$/;

/** The value of `If-Match`. Text that is not a valid entity-tag is no row's version, so it is omitted. */
function tagList(ifVersion: string | readonly string[]): string {
  const versions = typeof ifVersion === "string" ? [ifVersion] : ifVersion;
  if (!Array.isArray(versions)) throw invalid("ifVersion", "must be a version, or a list of versions");
  if (versions.includes("*")) return "*";
  const tags = versions.filter((version) => sendable.test(version)).map((version) => `"${version}"`);
  // No row has an empty tag: an empty list matches nothing.
  return tags.length === 0 ? '""' : tags.join(", ");
}
