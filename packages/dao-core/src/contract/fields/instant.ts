import * as z from "zod";

/** The range of instants that RFC 3339 can write, and that are therefore stored: the years 0001 to 9999, UTC. */
export const MIN_INSTANT = new Date("0001-01-01T00:00:00.000Z");
export const MAX_INSTANT = new Date("9999-12-31T23:59:59.999Z");

const rfc3339 = /^(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2}:\d{2})(?:\.(\d+))?(?:[Zz]|([+-])([01]\d|2[0-3]):([0-5]\d))$/;

/**
 * Parses RFC 3339 text with `Z` or an offset; digits beyond the millisecond are dropped. Returns `undefined` for anything
 * else, including days and hours that do not exist.
 */
export function parseInstant(text: string): Date | undefined {
  return parseOwnForm(text) ?? parseAnyForm(text);
}

/** The form that `Date` writes, with or without milliseconds, from the year 0100 on. */
const ownForm = /^(?!00)\d{4}-[01]\d-[0-3]\dT(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{3})?Z$/;

/** The fast path: nearly all input has this form. */
function parseOwnForm(text: string): Date | undefined {
  if (!ownForm.test(text)) return undefined;
  const instant = new Date(timeOfDigits(text, text.length - 1));
  // A date that does not exist, such as a 30th of February or a 13th month, rolls over to another day.
  const isRead = instant.getUTCDate() === two(text, 8) && instant.getUTCMonth() === two(text, 5) - 1;
  return isRead ? instant : undefined;
}

function parseAnyForm(text: string): Date | undefined {
  const [, date, time, fraction = "", sign, hours = 0, minutes = 0] = rfc3339.exec(text) ?? [];
  const local = Date.parse(`${date}T${time}.${fraction.slice(0, 3).padEnd(3, "0")}Z`);
  // A 30th of February or a 24th hour rolls over, and then reads back differently.
  if (Number.isNaN(local) || !new Date(local).toISOString().startsWith(`${date}T${time}`)) return undefined;
  const offset = (Number(hours) * 60 + Number(minutes)) * (sign === "-" ? -60_000 : 60_000);
  const instant = new Date(local - offset);
  return isStorable(instant) ? instant : undefined;
}

function isStorable(instant: Date): boolean {
  return instant >= MIN_INSTANT && instant <= MAX_INSTANT;
}

/** Explains why a value is not an instant, and what to send instead. */
export function explainInstant(value: unknown): string {
  if (value === undefined) return "is required";
  if (value === null) return "must not be null; send an instant";
  if (value instanceof Date) return "must be a valid Date in the years 0001 to 9999";
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

/** An instant, in milliseconds: a `Date` in TypeScript, RFC 3339 text in JSON. */
export function instant() {
  return z
    .date({ error: (issue) => explainInstant(issue.input) })
    .refine(isStorable, { error: (issue) => explainInstant(issue.input) });
}

/**
 * Converts the digits of an instant, three times as fast as `Date.parse`. The text must have digits where they belong; nothing
 * is checked here.
 *
 * @param text begins with `2026-02-15T10:00:00` (any character in place of the `T`), from the year 0100 on
 * @param end where the digits end: after the seconds, or after a fraction, of which three digits are read
 * @returns milliseconds since 1970; a date that does not exist, such as a 30th of February, rolls over
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
