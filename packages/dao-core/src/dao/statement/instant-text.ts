import { MAX_INSTANT, MIN_INSTANT, timeOfDigits } from "../../contract/fields/instant.ts";

/**
 * A `Date` from the text of a `timestamptz`, as PostgreSQL writes it in a result or within JSON, cut to milliseconds.
 * Rows of the Python service can hold infinities and years that RFC 3339 cannot write; those are read as the nearest
 * instant that it can.
 */
export function readInstant(value: unknown): Date {
  const text = String(value);
  // 2026-02-15 10:00:00.123456+00, the session's time zone being UTC; 00 begins a year that Date.UTC takes for another
  if (text.charCodeAt(4) === HYPHEN && text.endsWith("+00") && !text.startsWith("00")) {
    return new Date(timeOfDigits(text, text.length - 3));
  }
  if (text === "infinity") return new Date(MAX_INSTANT);
  if (text === "-infinity") return new Date(MIN_INSTANT);
  const match = /^(\d{4,6})(-\d{2}-\d{2})[ T]([\d:]+(?:\.\d+)?)([+-])(0\d|1[0-5]):?(\d{2})?:?(\d{2})?( BC)?$/.exec(
    text,
  );
  if (match === null) {
    // PostgreSQL does not read its own output of offsets of 16 hours or more, and a cursor relies on that.
    throw new Error(
      "The database wrote an instant in a form that is not read here. Set the session's DateStyle to ISO, and its TimeZone to one " +
        "less than 16 hours from UTC.",
    );
  }
  const [, year, day, time, sign, hours, minutes = 0, seconds = 0, isBc] = match;
  const offset = (Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)) * (sign === "-" ? -1_000 : 1_000);
  // Only the instant is limited to the range: its local time may lie a day beyond, in the year 10000 or 1 BC, which is year 0.
  const local = localTime(isBc === undefined ? Number(year) : 1 - Number(year), `${day}T${time}Z`);
  return withinRange(local - offset);
}

const HYPHEN = 0x2d;

/** Years that `Date` cannot hold are out of range as well. */
function localTime(year: number, rest: string): number {
  if (Math.abs(year) > 200_000) return year * Number.MAX_VALUE;
  return Date.parse(`${year < 0 ? "-" : "+"}${String(Math.abs(year)).padStart(6, "0")}${rest}`);
}

function withinRange(time: number): Date {
  return new Date(Math.max(MIN_INSTANT.getTime(), Math.min(time, MAX_INSTANT.getTime())));
}
