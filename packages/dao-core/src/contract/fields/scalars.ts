import * as z from "zod";
import { $constructor } from "zod/v4/core";
import { ValidationError } from "../errors.ts";
import { EMAIL_PATTERN } from "./constants.ts";
import { isDate } from "./realms.ts";
import { readBy } from "./validation.ts";

/** Why PostgreSQL cannot store `text`, as it stores no U+0000 and no unpaired surrogate (contract, "Data"); or `undefined`. */
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

/** Free text: any Unicode that PostgreSQL can store, not trimmed, of `min` to `max` code points. Default: no bounds. */
export function text({ min = 0, max = Number.POSITIVE_INFINITY }: { min?: number; max?: number } = {}) {
  const isShort = (value: string) => value.length >= min && value.length <= max;
  const schema = z.string().superRefine((value, context) => {
    const unstorable = unstorableText(value);
    if (unstorable !== undefined) context.addIssue({ code: "custom", message: unstorable });
    if (isShort(value)) return;
    const length = codePointLength(value);
    if (length < min || length > max) {
      context.addIssue({ code: "custom", message: `must be ${min} to ${max} characters long, not ${length}` });
    }
  });
  readBy(schema, (value) =>
    typeof value === "string" && isShort(value) && unstorableText(value) === undefined ? value : undefined,
  );
  return schema.meta({ ...(min > 0 && { minLength: min }), ...(Number.isFinite(max) && { maxLength: max }) });
}

const emailPattern = new RegExp(EMAIL_PATTERN);

/** An e-mail address of 1 to 255 characters. */
export function email() {
  return text({ min: 1, max: 255 })
    .refine((value) => emailPattern.test(value), { error: "must be an e-mail address, such as jane@example.com" })
    .meta({ format: "email", minLength: 1, maxLength: 255 });
}

const lowerUuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const uuidPattern = new RegExp(lowerUuid, "i");
const mustBeUuid = "must be a UUID, such as 0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d6e";
const explainId = (value: unknown) => (value === undefined ? "is required" : mustBeUuid);

/** A UUID in 8-4-4-4-12 hex form with any version bits; parsed to lower case (contract, "Data"). */
export function id() {
  const schema = z
    .string({ error: (issue) => explainId(issue.input) })
    .regex(uuidPattern, { error: mustBeUuid })
    .transform((value) => value.toLowerCase());
  readBy(schema, (value) => (typeof value === "string" && lowerUuid.test(value) ? value : undefined));
  return schema.meta({ type: "string", format: "uuid" });
}

/** Parses the id that a call names; returns it in lower case. @throws ValidationError if it is not a UUID */
export function parseId(value: unknown, field = "id"): string {
  if (typeof value === "string" && uuidPattern.test(value)) return value.toLowerCase();
  throw new ValidationError([{ path: field, message: explainId(value) }]);
}

/** The range of instants that RFC 3339 can write, and that are therefore stored: the years 0001 to 9999, UTC. */
export const MIN_INSTANT = new Date("0001-01-01T00:00:00.000Z");
export const MAX_INSTANT = new Date("9999-12-31T23:59:59.999Z");

const rfc3339 = /^(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2}:\d{2})(?:\.(\d+))?(?:[Zz]|([+-])([01]\d|2[0-3]):([0-5]\d))$/;

/** Parses RFC 3339 text, dropping digits beyond the millisecond. `undefined` for anything else, also days that do not exist. */
export function parseInstant(text: string): Date | undefined {
  return parseOwnForm(text) ?? parseAnyForm(text);
}

/** The form that `Date` writes, with or without milliseconds, for years from 0100. */
const ownForm = /^(?!00)\d{4}-[01]\d-[0-3]\dT(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{3})?Z$/;

/** The fast path: nearly all input has this form. */
function parseOwnForm(text: string): Date | undefined {
  if (!ownForm.test(text)) return undefined;
  const instant = new Date(timeOfDigits(text, text.length - 1));
  // A date that does not exist, such as February 30 or month 13, rolls over to another day.
  const isRead = instant.getUTCDate() === two(text, 8) && instant.getUTCMonth() === two(text, 5) - 1;
  return isRead ? instant : undefined;
}

function parseAnyForm(text: string): Date | undefined {
  const [, date, time, fraction = "", sign, hours = 0, minutes = 0] = rfc3339.exec(text) ?? [];
  const local = Date.parse(`${date}T${time}.${fraction.slice(0, 3).padEnd(3, "0")}Z`);
  // February 30 or hour 24 rolls over, and then reads back differently.
  if (Number.isNaN(local) || !new Date(local).toISOString().startsWith(`${date}T${time}`)) return undefined;
  const offset = (Number(hours) * 60 + Number(minutes)) * (sign === "-" ? -60_000 : 60_000);
  const instant = new Date(local - offset);
  return isStorable(instant) ? instant : undefined;
}

// A comparison of the dates themselves takes ten times as long.
const minTime = MIN_INSTANT.getTime();
const maxTime = MAX_INSTANT.getTime();

function isStorable(instant: Date): boolean {
  const time = instant.getTime();
  return time >= minTime && time <= maxTime;
}

/** Explains why a value is not an instant, and what to send instead. */
export function explainInstant(value: unknown): string {
  if (value === undefined) return "is required";
  if (value === null) return "must not be null; send an instant";
  if (isDate(value)) return "must be a valid Date in the years 0001 to 9999";
  if (typeof value !== "string") return "must be an instant, such as 2026-02-15T10:00:00Z";
  if (/\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)? \d{2}:\d{2}$/.test(value)) {
    return "has a space in place of the + of its offset: in a query string encode + as %2B, or end the instant in Z";
  }
  if (/^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?$/.test(value)) {
    return "has no offset: end it in Z, or in an offset such as +02:00";
  }
  if (parseInstant(value) !== undefined) return "must be a Date, not text: pass new Date(text)";
  return "must be an RFC 3339 instant in the years 0001 to 9999, such as 2026-02-15T10:00:00Z or 2026-02-15T12:00:00+02:00";
}

// Not by `z.core`, which would bring all of zod, locales included, into every bundle.
const ZodDate: $constructor<z.ZodDate> = z.ZodDate;

/** `z.date()`, which copies a Date of another realm. `refine` and `meta` construct it again, so it stays one. */
const ZodInstant: typeof ZodDate = $constructor("ZodInstant", (schema, definition) => {
  ZodDate.init(schema, definition);
  const { parse } = schema._zod;
  schema._zod.parse = (payload, context) => {
    const { value } = payload;
    if (isDate(value) && !(value instanceof Date)) payload.value = new Date(value);
    return parse(payload, context);
  };
});

/** An instant, in milliseconds: a `Date` in TypeScript, RFC 3339 text in JSON. */
export function instant() {
  const { def } = z.date({ error: (issue) => explainInstant(issue.input) });
  const schema = new ZodInstant(def).refine(isStorable, { error: (issue) => explainInstant(issue.input) });
  return readBy(schema, (value) => (value instanceof Date && isStorable(value) ? value : undefined));
}

/**
 * The time of text that begins like `2026-02-15T10:00:00`, for years from 0100, three times as fast as `Date.parse`. Nothing is
 * checked: February 30 rolls over. The digits end at `end`: after the seconds, or a fraction, of which three are read.
 */
export function timeOfDigits(text: string, end: number): number {
  const year = two(text, 0) * 100 + two(text, 2);
  let milliseconds = 0;
  if (end > 20) milliseconds += digit(text, 20) * 100;
  if (end > 21) milliseconds += digit(text, 21) * 10;
  if (end > 22) milliseconds += digit(text, 22);
  return Date.UTC(year, two(text, 5) - 1, two(text, 8), two(text, 11), two(text, 14), two(text, 17), milliseconds);
}

function two(text: string, at: number): number {
  return digit(text, at) * 10 + digit(text, at + 1);
}

function digit(text: string, at: number): number {
  return text.charCodeAt(at) - 48;
}

const twoDigits = Array.from({ length: 100 }, (_, number) => String(number).padStart(2, "0"));
const lastTwo = (number: number) => twoDigits[number % 100];
const firstTwo = (number: number) => twoDigits[Math.floor(number / 100)];

/** `toISOString` in a third of its time. */
export function formatInstant(instant: Date): string {
  const year = instant.getUTCFullYear();
  if (year < 0 || year > 9_999) return instant.toISOString();
  const milliseconds = instant.getUTCMilliseconds();
  const day = `${firstTwo(year)}${lastTwo(year)}-${twoDigits[instant.getUTCMonth() + 1]}-${twoDigits[instant.getUTCDate()]}`;
  const minute = `${twoDigits[instant.getUTCHours()]}:${twoDigits[instant.getUTCMinutes()]}`;
  const second = `${twoDigits[instant.getUTCSeconds()]}.${Math.floor(milliseconds / 100)}${lastTwo(milliseconds)}`;
  return `${day}T${minute}:${second}Z`;
}

declare const brand: unique symbol;

/**
 * How far a database has come: it covers every commit before it. Opaque text, which may be stored and sent; of two positions of
 * one database and its standbys the later is the greater text.
 */
export type DatabasePosition = string & { readonly [brand]: never };

/** A place in PostgreSQL's write-ahead log, as 16 hexadecimal digits. */
const position = /^[0-9A-F]{16}$/;

/** Whether `text` can be a {@link DatabasePosition}. */
export function isPosition(text: unknown): text is DatabasePosition {
  return typeof text === "string" && position.test(text);
}

/** @throws ValidationError for what cannot be a position */
export function parsePosition(text: unknown): DatabasePosition {
  if (isPosition(text)) return text;
  throw new ValidationError([{ path: "readAfter", message: "must be a position, as position() returns it" }]);
}
