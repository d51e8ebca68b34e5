import * as z from "zod";
import { ValidationError } from "../errors.ts";
import { EMAIL_PATTERN } from "./constants.ts";

/**
 * Returns why PostgreSQL cannot store `text`, or `undefined` if it can: it stores neither U+0000 nor unpaired surrogates
 * (contract, "Data").
 */
export function unstorableText(text: string): string | undefined {
  if (text.includes("\u0000")) return "must not contain the NUL character (U+0000), which PostgreSQL cannot store";
  if (!text.isWellFormed()) return "must not contain an unpaired surrogate; send well-formed Unicode";
  return undefined;
}

/** Length in code points, as counted by PostgreSQL's `char_length`: an emoji is one. */
export function codePointLength(text: string): number {
  let length = 0;
  for (const _ of text) length++;
  return length;
}

/** Free text: any Unicode that PostgreSQL can store, not trimmed, `min` to `max` code points long. Default: no bounds. */
export function text({ min = 0, max = Number.POSITIVE_INFINITY }: { min?: number; max?: number } = {}) {
  const schema = z.string().superRefine((value, context) => {
    const unstorable = unstorableText(value);
    if (unstorable !== undefined) context.addIssue({ code: "custom", message: unstorable });
    if (value.length >= min && value.length <= max) return;
    const length = codePointLength(value);
    if (length < min || length > max) {
      context.addIssue({ code: "custom", message: `must be ${min} to ${max} characters long, not ${length}` });
    }
  });
  return schema.meta({ ...(min > 0 && { minLength: min }), ...(Number.isFinite(max) && { maxLength: max }) });
}

const emailPattern = new RegExp(EMAIL_PATTERN);

/** An e-mail address of 1 to 255 characters. */
export function email() {
  return text({ min: 1, max: 255 })
    .refine((value) => emailPattern.test(value), { error: "must be an e-mail address, such as jane@example.com" })
    .meta({ format: "email", minLength: 1, maxLength: 255 });
}

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const mustBeUuid = "must be a UUID, such as 0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d6e";
const explainId = (value: unknown) => (value === undefined ? "is required" : mustBeUuid);

/** A UUID in 8-4-4-4-12 hex form with any version bits; parsed to lower case (contract, "Data"). */
export function id() {
  return z
    .string({ error: (issue) => explainId(issue.input) })
    .regex(uuidPattern, { error: mustBeUuid })
    .transform((value) => value.toLowerCase())
    .meta({ type: "string", format: "uuid" });
}

/**
 * Parses the id that a call names, to lower case.
 * @throws ValidationError if it is not a UUID
 */
export function parseId(value: unknown, field = "id"): string {
  if (typeof value === "string" && uuidPattern.test(value)) return value.toLowerCase();
  throw new ValidationError([{ path: field, message: explainId(value) }]);
}
