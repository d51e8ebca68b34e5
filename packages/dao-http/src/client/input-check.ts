import { ValidationError, type ValidationIssue } from "@flux/dao-core/errors";
import { isInstantField, isJsonField } from "../wire/field-names.ts";
import { MAX_TIMEOUT } from "../wire/limits.ts";

/*
 * The service validates input. But what JSON cannot represent would reach it as something else, and might be accepted although
 * it is refused in-process: that is checked here.
 */

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Maximum nesting of a JSON column (contract, "Data"); no DTO nests as deep. */
const MAX_DEPTH = 64;

/**
 * The id for a path. Anything but a UUID could result in another path.
 * @throws ValidationError
 */
export function checkedId(id: unknown, field: string): string {
  if (typeof id === "string" && uuid.test(id)) return id;
  const message = id === undefined ? "is required" : "must be a UUID, such as 0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d6e";
  throw new ValidationError([{ path: field, message }]);
}

/** @throws ValidationError for an invalid time-out, as in-process */
export function checkTimeout(timeout: number | undefined): void {
  if (timeout === undefined || (Number.isInteger(timeout) && timeout >= 1 && timeout <= MAX_TIMEOUT)) return;
  const message = `must be a whole number of milliseconds from 1 to ${MAX_TIMEOUT}`;
  throw new ValidationError([{ path: "timeout", message }]);
}

/**
 * @param place the beginning of the paths of issues
 * @throws ValidationError if JSON cannot represent `input`
 */
export function checkBody(input: unknown, place: readonly string[] = []): void {
  const issues: ValidationIssue[] = [];
  checkFields(input, place, issues);
  if (issues.length > 0) throw new ValidationError(issues);
}

function checkFields(value: unknown, path: readonly string[], issues: ValidationIssue[]): void {
  const field = path.at(-1) ?? "";
  const message = isInstantField(field) ? instantProblem(value) : valueProblem(value, path.length);
  if (message !== undefined) {
    issues.push({ path: path.join("."), message });
    return;
  }
  if (typeof value !== "object" || value === null || value instanceof Date) return;
  for (const [name, member] of Object.entries(value)) {
    const memberPath = [...path, name];
    if (isJsonField(name)) checkJson(member, memberPath, 0, issues);
    else checkFields(member, memberPath, issues);
  }
}

function instantProblem(value: unknown): string | undefined {
  return typeof value === "string" ? "must be a Date, not text: pass new Date(text)" : undefined;
}

function valueProblem(value: unknown, depth: number): string | undefined {
  if (value === undefined) return undefined;
  if (value instanceof Date) return "must not be a Date";
  if (depth > MAX_DEPTH) return `must nest at most ${MAX_DEPTH} deep`;
  return scalarProblem(value);
}

function scalarProblem(value: unknown): string | undefined {
  if (typeof value === "number") {
    return Number.isFinite(value) ? undefined : "must be a finite number: JSON has no NaN and no Infinity";
  }
  return ["string", "boolean", "object"].includes(typeof value) ? undefined : `must be JSON, not ${typeof value}`;
}

function checkJson(value: unknown, path: readonly string[], depth: number, issues: ValidationIssue[]): void {
  if (value === undefined && depth === 0) return;
  const message = jsonProblem(value, depth);
  if (message !== undefined) {
    issues.push({ path: path.join("."), message });
  } else if (typeof value === "object" && value !== null) {
    for (const [key, member] of Object.entries(value)) checkJson(member, [...path, key], depth + 1, issues);
  }
}

function jsonProblem(value: unknown, depth: number): string | undefined {
  if (typeof value !== "object" || value === null) return scalarProblem(value);
  if (depth >= MAX_DEPTH) return `must nest at most ${MAX_DEPTH} deep`;
  if (Array.isArray(value)) return undefined;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === Object.prototype || prototype === null) return undefined;
  return "must be plain JSON, not an instance of a class";
}
