import { ValidationError, type ValidationIssue } from "@flux/dao-core/errors";
import { isInstantField, isJsonField } from "../wire/json.ts";

/** Maximum nesting of a JSON column (contract, "Data"); no DTO nests as deep. */
const MAX_DEPTH = 64;

/**
 * The service validates input. But what JSON cannot represent would reach it as something else, and might be accepted although
 * it is refused in-process: that is checked here.
 * @param place the beginning of the paths of issues
 * @throws ValidationError
 */
export function checkBody(input: unknown, place: readonly string[] = []): void {
  const issues: ValidationIssue[] = [];
  check(input, place, undefined, issues);
  if (issues.length > 0) throw new ValidationError(issues);
}

/** @param jsonDepth how deep within a JSON column; `undefined` outside of one */
function check(
  value: unknown,
  path: readonly string[],
  jsonDepth: number | undefined,
  issues: ValidationIssue[],
): void {
  const message =
    jsonDepth === undefined ? fieldProblem(value, path.at(-1) ?? "", path.length) : jsonProblem(value, jsonDepth);
  if (message !== undefined) issues.push({ path: path.join("."), message });
  else if (typeof value === "object" && value !== null && !(value instanceof Date)) {
    for (const [name, member] of Object.entries(value)) {
      const startsJson = isJsonField(name) ? 0 : undefined;
      check(member, [...path, name], jsonDepth === undefined ? startsJson : jsonDepth + 1, issues);
    }
  }
}

function fieldProblem(value: unknown, name: string, depth: number): string | undefined {
  if (isInstantField(name)) {
    if (value instanceof Date) return undefined;
    if (typeof value === "string") return "must be a Date, not text: pass new Date(text)";
  }
  if (value instanceof Date) return "must not be a Date";
  if (depth > MAX_DEPTH) return tooDeep;
  return value === undefined ? undefined : scalarProblem(value);
}

function jsonProblem(value: unknown, depth: number): string | undefined {
  if (value === undefined && depth === 0) return undefined;
  if (typeof value !== "object" || value === null) return scalarProblem(value);
  if (depth >= MAX_DEPTH) return tooDeep;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (Array.isArray(value) || prototype === Object.prototype || prototype === null) return undefined;
  return "must be plain JSON, not an instance of a class";
}

const tooDeep = `must nest at most ${MAX_DEPTH} deep`;

function scalarProblem(value: unknown): string | undefined {
  if (typeof value === "number") {
    return Number.isFinite(value) ? undefined : "must be a finite number: JSON has no NaN and no Infinity";
  }
  return ["string", "boolean", "object"].includes(typeof value) ? undefined : `must be JSON, not ${typeof value}`;
}
