import { type Column, getTableColumns, type SQL, sql } from "drizzle-orm";
import {
  type PgColumn,
  PgDoublePrecision,
  PgEnumColumn,
  PgJsonb,
  type PgTable,
  PgText,
  PgTimestampString,
  PgVarchar,
} from "drizzle-orm/pg-core";
import { isDate } from "../../contract/fields/realms.ts";
import { instantText, param, type StatementValues } from "./statement.ts";

/*
 * Clients parse and serialize instants and JSON differently: a `Date` drops microseconds, JSON may be encoded twice. So both pass
 * through every client as text, which the statement casts.
 */

const isParsedByClients = (column: Column): boolean => column instanceof PgJsonb || column instanceof PgTimestampString;

/** A placeholder for an instant. Not cast from `text`, which a filter would repeat for each row. */
export function instantParam(name: string): SQL {
  return sql`${param(name)}::timestamptz`;
}

/** A placeholder for text that the statement casts to this type. */
export function textParam(name: string, type: string): SQL {
  return sql`${param(name)}::text::${sql.raw(type)}`;
}

/** A placeholder for a value of this column. */
export function columnParam(column: Column, name: string): SQL {
  if (column instanceof PgTimestampString) return instantParam(name);
  return column instanceof PgJsonb ? textParam(name, "jsonb") : param(name);
}

/** The result expression for a value of this column. The text of a double has as many digits as the session's `extra_float_digits`. */
export function resultValue(column: Column, value: SQL = sql`${column}`): SQL {
  if (column instanceof PgDoublePrecision) return sql`encode(float8send(${value}), 'hex')`;
  return isParsedByClients(column) ? sql`${value}::text` : value;
}

/**
 * The result expressions for these columns, by the names of the DTO. Some clients return rows as objects, so the names in a
 * result must be unique; `order by` prefers a result's name to a column's.
 */
export function resultColumns(columns: Readonly<Record<string, Column>>): Record<string, SQL.Aliased> {
  return Object.fromEntries(Object.entries(columns).map(([name, column]) => [name, resultValue(column).as(name)]));
}

/** {@link resultColumns} for RETURNING, where Citus takes immutable functions alone, as the binary form of an instant is. */
export function returnedColumns(columns: Readonly<Record<string, Column>>): Record<string, SQL.Aliased> {
  return Object.fromEntries(Object.entries(columns).map(([name, column]) => [name, returnedValue(column).as(name)]));
}

/** The expression of {@link returnedColumns} for one column. */
export function returnedValue(column: Column): SQL {
  if (!(column instanceof PgTimestampString)) return resultValue(column);
  return sql`encode(timestamptz_send(${column}), 'hex')`;
}

/** A local time, of which more functions are immutable. */
export const utc = (instant: SQL): SQL => sql`(${instant} at time zone 'UTC')`;

/** A column of new values, and its SQL type. */
type Member = readonly [name: string, type: SQL];

/** The type of a column, qualified if it is one of our own. Without its length, since a cast to that would cut what is longer. */
export function sqlType(column: Column): SQL {
  return column instanceof PgEnumColumn ? sql`${column.enum}` : sql.raw(column.getSQLType().replace(/\(\d+\)/, ""));
}

/** The rows of `record`, any number in one statement: for each member a column, which is a parameter ({@link columnArrays}). */
export function arrayRecords(prefix: string, members: readonly Member[]): SQL {
  const arrays = members.map(([name, type]) => sql`${param(prefix + name)}::text::${type}[]`);
  const names = members.map(([name]) => sql.identifier(name));
  return sql`unnest(${sql.join(arrays, sql`, `)}) as record(${sql.join(names, sql`, `)})`;
}

/**
 * The values of many rows, as the text of an array for each column. The values of one column are read at once, so that they die young.
 *
 * @param absent the value of a column that a row does not have
 * @throws ValidationError for an invalid date
 */
export function columnArrays(
  prefix: string,
  columns: readonly (readonly [name: string, column: PgColumn])[],
  rows: readonly Readonly<Record<string, unknown>>[],
  absent: (name: string, column: PgColumn) => unknown = () => null,
): StatementValues {
  const texts: Record<string, string> = {};
  for (const [name, column] of columns) {
    const values: unknown[] = [];
    const isText = column instanceof PgText || column instanceof PgVarchar;
    const isInstant = column instanceof PgTimestampString;
    const none = isText ? null : "null";
    for (const row of rows) {
      const value = row[name] === undefined ? absent(name, column) : row[name];
      values.push(isInstant && isDate(value) ? instantText(name, value) : (value ?? none));
    }
    // Only text can have members that need quotes: of all others PostgreSQL reads each, and rejects what is none.
    texts[prefix + name] = isText ? textArray(values) : `{${values.join()}}`;
  }
  return texts;
}

/** PostgreSQL's text of an array of texts: JSON in braces, but for the escapes, of which it knows `\"` and `\\`. */
function textArray(values: readonly unknown[]): string {
  const json = JSON.stringify(values).slice(1, -1);
  return `{${json.includes("\\") ? json.replace(/\\(?:u[\da-f]{4}|.)/g, toArrayEscape) : json}}`;
}

const toArrayEscape = (text: string): string => (/["\\]$/.test(text) ? text : String(JSON.parse(`"${text}"`)));

/** A select that reads {@link arrayRecords} as new rows of `table`, its columns in the table's order. */
export function newRows(table: PgTable, prefix: string): SQL {
  const members = Object.entries(getTableColumns(table))
    .filter(([name]) => name !== "createdAt")
    .map(([name, column]): Member => [name, sqlType(column)]);
  const names = members.map(([name]) => sql.identifier(name));
  return sql`select ${sql.join(names, sql`, `)}, now() from ${arrayRecords(prefix, members)}`;
}

/** The column of this name. */
export function columnOf(columns: Readonly<Record<string, PgColumn>>, name: string): PgColumn {
  const column = columns[name];
  if (column === undefined) throw new TypeError(`${name} is no column`);
  return column;
}
