import type { CreateOptions, WriteOptions } from "@flux/dao-core/contract";
import { ValidationError, type ValidationIssue } from "@flux/dao-core/errors";
import { type Operation, type ParameterKind, type QueryParameters, takesIdempotencyKey } from "../api/operation.ts";
import { toSnakeCase } from "../wire/field-names.ts";
import type { Call } from "./connection.ts";
import { checkedId, checkTimeout } from "./input-check.ts";

/** A call as its arguments describe it. */
export interface ReadRequest extends Omit<Call, "body"> {
  readonly input: unknown;
}

/**
 * Reads the arguments of a service method.
 * @throws ValidationError for what a path, a query string or a header cannot carry
 */
export function requestOf(operation: Operation, args: readonly unknown[]): ReadRequest {
  const rest = operation.id === undefined ? args : args.slice(1);
  const [input, options] = operation.input === "none" ? [undefined, rest[0]] : rest;
  const path = operation.id === undefined ? operation.path : pathOf(operation.path, checkedId(args[0], operation.id));
  const query = operation.query === undefined ? "" : toQueryString(input ?? {}, operation.query);
  const { signal, timeout, ...others }: ClientOptions = options ?? {};
  checkTimeout(timeout);
  const headers = headersOf(others, operation);
  return { method: operation.method, target: path + query, path: operation.path, headers, signal, timeout, input };
}

function pathOf(template: string, id: string): string {
  return template.replace(/\{\w+\}/, () => encodeURIComponent(id));
}

/**
 * The query string for a request object, with its question mark; empty without parameters. A query string has no types, so the
 * service could not tell `"2"` from `2`: they are checked here.
 * @throws ValidationError for an unknown parameter, or one of another type
 */
export function toQueryString(request: unknown, parameters: QueryParameters): string {
  if (typeof request !== "object" || request === null) {
    throw new ValidationError([{ path: "", message: "must be an object" }]);
  }
  const pairs: string[] = [];
  const issues: ValidationIssue[] = [];
  for (const [name, value] of Object.entries(request)) {
    if (value === undefined) continue;
    const kind = Object.hasOwn(parameters, name) ? parameters[name] : undefined;
    const message = kind === undefined ? "is not a known parameter" : findProblem(value, kind);
    if (message === undefined) pairs.push(`${toSnakeCase(name)}=${encodeURIComponent(toText(value))}`);
    else issues.push({ path: name, message });
  }
  if (issues.length > 0) throw new ValidationError(issues);
  return pairs.length === 0 ? "" : `?${pairs.join("&")}`;
}

const expected: Readonly<Record<ParameterKind, string>> = {
  text: "text",
  number: "a number",
  boolean: "true or false",
  instant: "a Date",
};

function findProblem(value: unknown, kind: ParameterKind): string | undefined {
  if (value === null) return `must not be null; send ${expected[kind]}`;
  if (!isOfKind(value, kind)) return `must be ${expected[kind]}`;
  if (value instanceof Date && Number.isNaN(value.getTime())) return "must be a valid Date";
  if (typeof value === "string" && !value.isWellFormed()) return "must not contain an unpaired surrogate";
  return undefined;
}

function isOfKind(value: unknown, kind: ParameterKind): boolean {
  if (kind === "instant") return value instanceof Date;
  return typeof value === (kind === "text" ? "string" : kind);
}

function toText(value: unknown): string {
  return value instanceof Date ? value.toISOString() : String(value);
}

/** The options of any call. */
type ClientOptions = CreateOptions & WriteOptions & { readonly idempotencyKey?: string | undefined };

const visibleAscii = /^[\x21-\x7e]{1,255}$/;

/**
 * The headers for a call's options.
 * @throws ValidationError for what no header can carry
 */
function headersOf(options: ClientOptions, operation: Operation): Record<string, string> {
  if (takesIdempotencyKey(operation)) return headersOfPost(options);
  const { method, row } = operation;
  const { ifVersion } = options;
  return row === undefined || method === "GET" || ifVersion === undefined ? {} : { "if-match": tagList(ifVersion) };
}

function headersOfPost({ id, idempotencyKey }: ClientOptions): Record<string, string> {
  if (id !== undefined) {
    throw new ValidationError([
      { path: "id", message: "cannot be supplied over HTTP; send an idempotencyKey, so that the row is created once" },
    ]);
  }
  if (idempotencyKey === undefined) return {};
  if (typeof idempotencyKey !== "string" || !visibleAscii.test(idempotencyKey)) {
    throw new ValidationError([{ path: "idempotencyKey", message: "must be 1 to 255 visible ASCII characters" }]);
  }
  return { "idempotency-key": `"${idempotencyKey.replace(/["\\]/g, "\\$&")}"` };
}

const sendable = /^[\x21\x23-\x7e]+$/;

/** The value of `If-Match`. What is not a valid entity-tag is not a row's version either, and omitted. */
function tagList(ifVersion: string | readonly string[]): string {
  const versions = typeof ifVersion === "string" ? [ifVersion] : ifVersion;
  if (versions.includes("*")) return "*";
  const tags = versions.filter((version) => sendable.test(version)).map((version) => `"${version}"`);
  // No row has an empty tag: an empty list matches nothing.
  return tags.length === 0 ? '""' : tags.join(", ");
}
