import { type Column, getTableColumns, type Table } from "drizzle-orm";
import { PgDoublePrecision, PgJsonb, PgTimestampString } from "drizzle-orm/pg-core";
import type { SqlRow } from "../../session/driver.ts";
import { readInstant } from "./instant-text.ts";

/** Makes a DTO of a row's columns, in the order of the table's definition, from `offset` on. */
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
 * JSON null is empty, and a string that holds a JSON array is that array: the Python service's planner writes those. Any
 * other value is the one member of an array, as PostgreSQL takes it when it appends to one.
 */
function readJsonArray(value: unknown): unknown {
  const json = readJson(value);
  if (Array.isArray(json)) return json;
  if (json === null) return [];
  const held = readJson(json);
  return Array.isArray(held) ? held : [json];
}

/** Invalid JSON is a string, which rows of the Python service can hold in place of an object or an array. */
export function readJson(value: unknown): unknown {
  if (typeof value !== "string") return value;
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}

/** Rows of the Python service can hold numbers that JSON cannot: infinities are read as the largest, NaN as 1. */
function readFiniteNumber(value: unknown): number {
  const number = Number(value);
  if (Number.isNaN(number)) return 1;
  return Math.max(-Number.MAX_VALUE, Math.min(number, Number.MAX_VALUE));
}
