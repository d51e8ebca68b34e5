import * as z from "zod";
import { EMAIL_PATTERN } from "./email-pattern.ts";

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
  let length = text.length;
  for (let i = 0; i < text.length - 1; i++) {
    const unit = text.charCodeAt(i);
    if (unit >= 0xd800 && unit <= 0xdbff) {
      length--;
      i++;
    }
  }
  return length;
}

/**
 * Free text: any Unicode that PostgreSQL can store, not trimmed, `min` to `max` code points long. Default: no bounds.
 */
export function text({ min = 0, max = Number.POSITIVE_INFINITY }: { min?: number; max?: number } = {}) {
  const bounded = Number.isFinite(max);
  const schema = z.string().superRefine((value, context) => {
    const unstorable = unstorableText(value);
    if (unstorable !== undefined) context.addIssue({ code: "custom", message: unstorable });
    if (value.length >= min && value.length <= max) return;
    const length = codePointLength(value);
    if (length < min || length > max) {
      context.addIssue({ code: "custom", message: `must be ${min} to ${max} characters long, not ${length}` });
    }
  });
  return schema.meta({ ...(min > 0 && { minLength: min }), ...(bounded && { maxLength: max }) });
}

const emailPattern = new RegExp(EMAIL_PATTERN);

/** An e-mail address of 1 to 255 characters. */
export function email() {
  return text({ min: 1, max: 255 })
    .refine((value) => emailPattern.test(value), { error: "must be an e-mail address, such as jane@example.com" })
    .meta({ format: "email", minLength: 1, maxLength: 255 });
}
