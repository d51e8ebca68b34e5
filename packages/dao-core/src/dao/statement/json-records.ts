import { getTableColumns, type SQL, sql } from "drizzle-orm";
import type { PgTable } from "drizzle-orm/pg-core";
import { textParam } from "./text-columns.ts";

/** A member of the JSON objects, and its SQL type. */
type Member = readonly [name: string, type: string];

/**
 * `json_to_recordset` over a parameter: a JSON array of objects as the rows of `record`, which has a column for each of
 * these members. One parameter, however many rows.
 */
export function jsonRecords(placeholder: string, members: readonly Member[]): SQL {
  const definitions = members.map(([name, type]) => sql`${sql.identifier(name)} ${sql.raw(type)}`);
  return sql`json_to_recordset(${textParam(placeholder, "json")}) as record(${sql.join(definitions, sql`, `)})`;
}

/** A select that reads a JSON array of objects as new rows of `table`, its columns in the table's order. */
export function newRows(table: PgTable, placeholder: string): SQL {
  const members = Object.entries(getTableColumns(table))
    .filter(([name]) => name !== "createdAt")
    .map(([name, column]): Member => [name, column.getSQLType()]);
  const names = members.map(([name]) => sql.identifier(name));
  return sql`select ${sql.join(names, sql`, `)}, now() from ${jsonRecords(placeholder, members)}`;
}
