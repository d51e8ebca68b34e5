import type { z } from "zod";
import { ValidationError, type ValidationIssue } from "../errors.ts";

/** The parts of an issue that Zod passes to an error map and that the messages below use. */
interface RawIssue {
  readonly code?: string | undefined;
  readonly input?: unknown;
  readonly expected?: unknown;
  readonly values?: readonly unknown[] | undefined;
  readonly minimum?: unknown;
  readonly maximum?: unknown;
  readonly keys?: readonly string[] | undefined;
}

const typeNames: Readonly<Record<string, string>> = {
  string: "text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  object: "an object",
  array: "a list",
  date: "an instant",
  nan: "a number",
};

/** The message for an issue whose schema has none of its own: what to send instead. */
function explain(issue: RawIssue): string {
  switch (issue.code) {
    case "invalid_type": {
      if (issue.input === undefined) return "is required";
      const expected = typeNames[String(issue.expected)] ?? String(issue.expected);
      if (issue.input === null) return `must not be null; send ${expected}`;
      return `must be ${expected}`;
    }
    case "invalid_value":
      if (issue.input === undefined) return "is required";
      return `must be one of ${(issue.values ?? []).map((value) => JSON.stringify(value)).join(", ")}`;
    case "too_small":
      return `must be at least ${String(issue.minimum)}`;
    case "too_big":
      return `must be at most ${String(issue.maximum)}`;
    default:
      return "is not valid";
  }
}

/**
 * Parses `input` by `schema`: unknown keys are dropped, defaults filled in, ids lower-cased.
 * @param place prefix of the issues' paths, if `input` is part of something larger
 * @throws ValidationError with every broken rule
 */
export function validate<Schema extends z.ZodType>(schema: Schema, input: unknown, place?: string): z.output<Schema> {
  const result = schema.safeParse(input, { error: explain });
  if (result.success) return result.data;
  const issues = result.error.issues.flatMap((issue) => toIssues(issue, place));
  throw new ValidationError(issues, { cause: result.error });
}

function toIssues(issue: z.core.$ZodIssue, place: string | undefined): ValidationIssue[] {
  const path = [...(place === undefined ? [] : [place]), ...issue.path.map(String)];
  if (issue.code !== "unrecognized_keys") return [{ path: path.join("."), message: issue.message }];
  return issue.keys.map((key) => ({ path: [...path, key].join("."), message: "is not a known parameter" }));
}

/**
 * Refuses a list that is too long before validating its items, each of which could add an issue.
 * @throws ValidationError
 */
export function refuseLongList(path: string, list: unknown, max: number, what: string): void {
  if (!Array.isArray(list) || list.length <= max) return;
  throw new ValidationError([{ path, message: `must contain at most ${max} ${what}, not ${list.length}` }]);
}

/** Reads a property of something that may not be an object. */
export function memberOf(input: unknown, name: string): unknown {
  return typeof input === "object" && input !== null ? Reflect.get(input, name) : undefined;
}
