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
  const valid = parseValid(schema, input);
  if (valid !== undefined) return valid;
  // Options double the time of a parse, so only invalid input is parsed with them.
  const { data, error } = schema.safeParse(input, { error: explain });
  if (error === undefined) return data;
  const issues = error.issues.flatMap((issue) => toIssues(issue, place));
  throw new ValidationError(issues, { cause: error });
}

/** Parses `input` by `schema`; `undefined` if it breaks a rule. */
export function parseValid<Schema extends z.ZodType>(schema: Schema, input: unknown): z.output<Schema> | undefined {
  const read = readerOf(schema)(input);
  return read === undefined ? schema.safeParse(input).data : (read as z.output<Schema>);
}

/** Returns a valid value, as its schema parses it, or `undefined`, and then zod has to parse it: it may be invalid. */
type Reader = (value: unknown) => unknown;

/** By the definition of a schema, which `meta` shares with its copies. */
const readers = new WeakMap<object, Reader>();

/** Gives the schema of a single value a reader, which must return what zod does, or nothing. */
export function readBy<Schema extends z.ZodType>(schema: Schema, reader: Reader): Schema {
  readers.set(schema.def, reader);
  return schema;
}

/** A reader made of the schema, in half the time of zod, which makes an object for each field. What is not handled here, zod parses. */
function readerOf(schema: z.core.$ZodType): Reader {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  let reader = readers.get(def);
  if (reader === undefined) {
    reader = withChecks(makeReader(def), def.checks) ?? ((value) => (schema as z.ZodType).safeParse(value).data);
    readers.set(def, reader);
  }
  return reader;
}

/** A check of zod, of a value that its schema has read. */
interface Check {
  readonly _zod: { check(payload: z.core.ParsePayload<unknown>): unknown };
}

function withChecks(read: Reader | undefined, checks: readonly Check[] = []): Reader | undefined {
  if (read === undefined || checks.length === 0) return read;
  return (input) => {
    const value = read(input);
    if (value === undefined) return undefined;
    const payload: z.core.ParsePayload<unknown> = { value, issues: [] };
    for (const check of checks) void check._zod.check(payload);
    return payload.issues.length === 0 ? payload.value : undefined;
  };
}

function makeReader(def: z.core.$ZodTypes["_zod"]["def"]): Reader | undefined {
  switch (def.type) {
    case "boolean":
      return (value) => (typeof value === "boolean" ? value : undefined);
    case "enum": {
      const values = new Set<unknown>(Object.values(def.entries));
      return (value) => (values.has(value) ? value : undefined);
    }
    case "nullable": {
      const read = readerOf(def.innerType);
      return (value) => (value === null ? null : read(value));
    }
    case "array":
      return arrayReader(readerOf(def.element));
    case "object":
      return def.catchall === undefined ? objectReader(def.shape) : undefined;
    default:
      return undefined;
  }
}

function arrayReader(read: Reader): Reader {
  return (input) => {
    if (!Array.isArray(input)) return undefined;
    const values: unknown[] = [];
    for (const item of input) {
      const value = read(item);
      if (value === undefined) return undefined;
      values.push(value);
    }
    return values;
  };
}

function objectReader(shape: z.core.$ZodShape): Reader | undefined {
  const fields = Object.entries(shape).map(([name, schema]) => {
    const { def } = (schema as z.core.$ZodTypes)._zod;
    const isOptional = def.type === "optional";
    const fallback = def.type === "default" ? () => def.defaultValue : undefined;
    const inner = def.type === "optional" || def.type === "default" ? def.innerType : schema;
    return { name, isOptional, fallback, inner, read: readerOf(inner) };
  });
  if (fields.some(({ inner }) => inner._zod.optin !== undefined)) return undefined;
  return (input) => {
    if (!isObject(input)) return undefined;
    const output: Record<string, unknown> = {};
    for (const { name, isOptional, fallback, read } of fields) {
      const given = input[name];
      const value = given === undefined ? fallback?.() : read(given);
      if (value !== undefined) output[name] = value;
      else if (given !== undefined || !isOptional) return undefined;
    }
    return output;
  };
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

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
