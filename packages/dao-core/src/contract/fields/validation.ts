import type { z } from "zod";
import { ValidationError, type ValidationIssue } from "../errors.ts";

const typeNames: Readonly<Record<string, string>> = {
  string: "text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  object: "an object",
  array: "a list",
  date: "an instant",
};

/** The message for an issue whose schema has none of its own: what to send instead. */
function explain(issue: z.core.$ZodRawIssue): string {
  if (issue.input === undefined) return "is required";
  switch (issue.code) {
    case "invalid_type": {
      const expected = typeNames[issue.expected] ?? issue.expected;
      return issue.input === null ? `must not be null; send ${expected}` : `must be ${expected}`;
    }
    case "invalid_value":
      return `must be one of ${issue.values.map((value) => JSON.stringify(value)).join(", ")}`;
    case "too_small":
      return `must be at least ${issue.minimum}`;
    case "too_big":
      return `must be at most ${issue.maximum}`;
    default:
      return "is not valid";
  }
}

/** @param path of the only issue */
export function invalid(path: string, message: string): ValidationError {
  return new ValidationError([{ path, message }]);
}

/**
 * Parses `input` by `schema`: unknown keys are dropped, defaults filled in, ids lower-cased.
 * @param place prefix of the issues' paths, if `input` is part of something larger
 * @throws ValidationError with every broken rule
 */
export function validate<Schema extends z.ZodType>(schema: Schema, input: unknown, place?: string): z.output<Schema> {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  // Options double the time of a parse, so only invalid input is parsed with them.
  const { error = result.error } = schema.safeParse(input, { error: explain });
  const issues = error.issues.flatMap((issue) => toIssues(issue, place));
  throw new ValidationError(issues, { cause: error });
}

function toIssues(issue: z.core.$ZodIssue, place: string | undefined): ValidationIssue[] {
  const path = [...(place === undefined ? [] : [place]), ...issue.path.map(String)];
  if (issue.code === "invalid_union") {
    // The only unions are of a value and a list of such values: what is no list was meant as a value.
    const isList = (issues: readonly z.core.$ZodIssue[]) =>
      !issues.some(
        ({ path, code, ...issue }) =>
          path.length === 0 && code === "invalid_type" && Reflect.get(issue, "expected") === "array",
      );
    return (issue.errors.findLast(isList) ?? []).flatMap((member) => toIssues(member, path.join(".")));
  }
  if (issue.code !== "unrecognized_keys") return [{ path: path.join("."), message: issue.message }];
  return issue.keys.map((key) => ({ path: [...path, key].join("."), message: "is not a known parameter" }));
}
