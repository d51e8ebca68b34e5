import { ValidationError, type ValidationIssue } from "@flux/dao-core/errors";
import type { ParameterKind, QueryParameters } from "../api/query-parameters.ts";
import { toSnakeCase } from "../wire/field-names.ts";

/**
 * The query string for a request object, from its question mark on; empty where there is nothing to say. A query string
 * has no types, so the service could not tell `"2"` from `2`: they are checked here.
 * @throws ValidationError for what is no parameter, or of another type
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
