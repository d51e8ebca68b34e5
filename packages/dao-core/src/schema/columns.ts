import { type SQL, sql } from "drizzle-orm";
import { type AnyPgColumn, check, foreignKey, type PgColumn, type PgTable, timestamp, uuid } from "drizzle-orm/pg-core";

/** A table with the columns that every entity has. */
export type EntityTable = PgTable & { readonly id: PgColumn; readonly createdAt: PgColumn };

/** The key of an entity. The library generates it, a UUIDv7; other writers may rely on the database's default. */
export function idColumn() {
  return uuid("id").primaryKey().defaultRandom();
}

/** When the row was created, by the database's clock. */
export function createdAtColumn() {
  return instantColumn("created_at").notNull().defaultNow();
}

/** An instant, read as text, since adopted databases have microseconds and infinities; the row mapper makes it a `Date`. */
export function instantColumn<Name extends string>(name: Name) {
  return timestamp(name, { withTimezone: true, mode: "string" });
}

/** The rule that text has `min` to `max` code points. */
export function lengthCheck(name: string, column: AnyPgColumn, min: number, max: number) {
  return check(name, sql`char_length(${column}) between ${literal(min)} and ${literal(max)}`);
}

/** The rule that an instant can be written as RFC 3339: finite, in the years 0001 to 9999. */
export function instantCheck(name: string, column: AnyPgColumn) {
  return check(name, sql`${column} >= '0001-01-01 00:00:00+00' and ${column} < '10000-01-01 00:00:00+00'`);
}

/** A constant in a constraint, which cannot have parameters. */
export function literal(value: number | string): SQL {
  return sql.raw(typeof value === "number" ? String(value) : `'${value.replaceAll("'", "''")}'`);
}

/** A foreign key to a parent; the row is deleted with it. */
export function parentKey(name: string, column: AnyPgColumn, parent: AnyPgColumn) {
  return foreignKey({ name, columns: [column], foreignColumns: [parent] }).onDelete("cascade");
}
