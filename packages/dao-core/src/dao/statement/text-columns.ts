import { type Column, type SQL, sql } from "drizzle-orm";
import { PgDoublePrecision, PgJsonb, PgTimestampString } from "drizzle-orm/pg-core";
import { param } from "./statement.ts";

/*
 * Clients parse and serialize instants and JSON differently: a `Date` drops microseconds, JSON may be encoded twice. So both pass
 * through every client as text, which the statement casts.
 */

const isParsedByClients = (column: Column): boolean =>
  column instanceof PgJsonb || column instanceof PgTimestampString || column instanceof PgDoublePrecision;

/** A placeholder for an instant as text. Not cast from text here: as a filter that would be done again for each row. */
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

/** The result expression for a value of this column. */
export function resultValue(column: Column, value: SQL = sql`${column}`): SQL {
  return isParsedByClients(column) ? sql`${value}::text` : value;
}

/**
 * The result expressions for these columns, by the names of the DTO. Clients make objects of rows, so the names in a result must be
 * unique; and `order by` would prefer a result's name to a column's.
 */
export function resultColumns(columns: Readonly<Record<string, Column>>): Record<string, SQL.Aliased> {
  return Object.fromEntries(Object.entries(columns).map(([name, column]) => [name, resultValue(column).as(name)]));
}
