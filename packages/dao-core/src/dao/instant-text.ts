import { MAX_INSTANT, MIN_INSTANT } from "../contract/instant.ts";
import { timeOfDigits } from "../contract/instant-digits.ts";

/**
 * A `Date` from the text of a `timestamptz`, as PostgreSQL writes it in a result or within JSON, cut to milliseconds.
 * Rows of the Python service can hold infinities and years that RFC 3339 cannot write; those are read as the nearest
 * instant that it can.
 */
export function readInstant(value: unknown): Date {
  if (value instanceof Date) return withinRange(value.getTime());
  const text = String(value);
  // 2026-02-15 10:00:00.123456+00, the session's time zone being UTC; 00 begins a year that Date.UTC takes for another
  if (text.charCodeAt(4) === HYPHEN && text.endsWith("+00") && !text.startsWith("00")) {
    return new Date(timeOfDigits(text, text.length - 3));
  }
  if (text === "infinity") return new Date(MAX_INSTANT);
  if (text === "-infinity" || text.endsWith(" BC")) return new Date(MIN_INSTANT);
  const match = /^(\d{4,6}-\d{2}-\d{2})[ T]([\d:.]+)([+-])(\d{2}):?(\d{2})?:?(\d{2})?$/.exec(text);
  if (match === null) {
    throw new Error("The database wrote an instant in a form that is not read here. Set its DateStyle to ISO.");
  }
  const [, date, time, sign, hours, minutes = 0, seconds = 0] = match;
  const offset = (Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)) * (sign === "-" ? -1_000 : 1_000);
  return withinRange(parse(`${date}T${time}Z`).getTime() - offset);
}

const HYPHEN = 0x2d;

function parse(iso: string): Date {
  // Years of five digits are beyond the range, and beyond Date.parse.
  return withinRange(iso.charCodeAt(4) === HYPHEN ? Date.parse(iso) : Number.POSITIVE_INFINITY);
}

function withinRange(time: number): Date {
  if (time < MIN_INSTANT.getTime()) return new Date(MIN_INSTANT);
  return new Date(Math.min(time, MAX_INSTANT.getTime()));
}
