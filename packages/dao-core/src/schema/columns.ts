import { type SQL, sql } from "drizzle-orm";
import { type AnyPgColumn, check, timestamp, uuid } from "drizzle-orm/pg-core";

/** The key of an entity. The library makes it, as a UUIDv7; other writers may leave it to the database. */
export function idColumn() {
  return uuid("id").primaryKey().defaultRandom();
}

/** When the row was made, by the database's clock. */
export function createdAtColumn() {
  return instantColumn("created_at").notNull().defaultNow();
}

/**
 * An instant. Databases that the Python service made hold microseconds, and infinities: the column is read as text, and
 * the row mapper makes a `Date` of it.
 */
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

/** A constant within a constraint, which cannot hold parameters. */
export function literal(value: number | string): SQL {
  return sql.raw(typeof value === "number" ? String(value) : `'${value.replaceAll("'", "''")}'`);
}
