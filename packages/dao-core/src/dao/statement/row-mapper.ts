import { type Column, getTableColumns, type Table } from "drizzle-orm";
import { PgDoublePrecision, PgJsonb, PgTimestampString } from "drizzle-orm/pg-core";
import { MAX_INSTANT, MIN_INSTANT, timeOfDigits } from "../../contract/fields/scalars.ts";
import type { SqlRow } from "../../session/driver.ts";

/** Makes a DTO of a row's columns, in the order of the table's definition, starting at `offset`. */
export type RowMapper<Dto> = (row: SqlRow, offset?: number) => Dto;

type Decoder = ((value: unknown) => unknown) | undefined;

/** The mapper for all columns of `table`. The caller names the DTO that the table's columns make up. */
export function rowMapper<Dto extends object>(table: Table): RowMapper<Dto> {
  const columns = Object.entries(getTableColumns(table));
  const names = columns.map(([name]) => name);
  const decoders = columns.map(([, column]) => decoderOf(column));
  return (row, offset = 0) => {
    const dto: Record<string, unknown> = {};
    for (let index = 0; index < names.length; index++) {
      const value = row[offset + index];
      const decode = decoders[index];
      dto[names[index] ?? ""] = decode === undefined ? value : decode(value);
    }
    return dto as Dto;
  };
}

function decoderOf(column: Column): Decoder {
  if (column instanceof PgJsonb) return Array.isArray(column.default) ? readJsonArray : readJsonObject;
  if (column instanceof PgTimestampString) return unlessNull(readInstant);
  if (column instanceof PgDoublePrecision) return unlessNull(readFiniteNumber);
  return undefined;
}

const unlessNull = (decode: (value: unknown) => unknown) => (value: unknown) => (value === null ? null : decode(value));

/** JSON null, which the Python service writes, is read as empty. */
function readJsonObject(value: unknown): unknown {
  return readJson(value) ?? {};
}

/**
 * JSON null is empty, and a string that holds a JSON array is that array: the Python service's planner writes both. Any other
 * value becomes the only member of an array, as PostgreSQL's `||` does it.
 */
function readJsonArray(value: unknown): unknown {
  const json = readJson(value);
  if (Array.isArray(json)) return json;
  if (json === null) return [];
  const held = readJson(json);
  return Array.isArray(held) ? held : [json];
}

/** Invalid JSON is returned as a string: rows of the Python service can have one in place of an object or an array. */
export function readJson(value: unknown): unknown {
  if (typeof value !== "string") return value;
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}

/** Rows of the Python service can hold numbers that JSON cannot: infinities become the largest number, NaN becomes 1. */
function readFiniteNumber(value: unknown): number {
  const number = Number(value);
  if (Number.isNaN(number)) return 1;
  return Math.max(-Number.MAX_VALUE, Math.min(number, Number.MAX_VALUE));
}

/**
 * A `Date` from PostgreSQL's text of a `timestamptz`, cut to milliseconds. Infinities and years that RFC 3339 cannot write, which
 * rows of the Python service can hold, become the nearest instant that it can.
 */
export function readInstant(value: unknown): Date {
  const text = String(value);
  // 2026-02-15 10:00:00.123456+00, in a session whose time zone is UTC; Date.UTC misreads years that begin with 00
  if (text.charCodeAt(4) === HYPHEN && text.endsWith("+00") && !text.startsWith("00")) {
    return new Date(timeOfDigits(text, text.length - 3));
  }
  if (text === "infinity") return new Date(MAX_INSTANT);
  if (text === "-infinity") return new Date(MIN_INSTANT);
  const match = /^(\d{4,6})(-\d{2}-\d{2})[ T]([\d:]+(?:\.\d+)?)([+-])(0\d|1[0-5]):?(\d{2})?:?(\d{2})?( BC)?$/.exec(
    text,
  );
  if (match === null) {
    // PostgreSQL rejects its own output of offsets of 16 hours or more, and a cursor needs to be read.
    throw new Error(
      "The database wrote an instant in a form that is not read here. Set the session's DateStyle to ISO, and its TimeZone to one " +
        "less than 16 hours from UTC.",
    );
  }
  const [, year, day, time, sign, hours, minutes = 0, seconds = 0, isBc] = match;
  const offset = (Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)) * (sign === "-" ? -1_000 : 1_000);
  // Only the instant is limited to the range: its local time may be a day beyond, in the year 10000 or 1 BC (year 0).
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
