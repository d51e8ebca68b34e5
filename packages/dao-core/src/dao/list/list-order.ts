import { asc, desc, isNull, or, type SQL, sql } from "drizzle-orm";
import { type PgColumn, PgInteger, PgTimestampString } from "drizzle-orm/pg-core";
import { ValidationError } from "../../contract/errors.ts";
import { unstorableText } from "../../contract/fields/scalars.ts";
import { literal } from "../../schema/columns.ts";
import { param } from "../statement/statement.ts";
import { columnOf, columnParam, resultValue } from "../statement/text-columns.ts";

/** Characters of a text that lists are ordered by, so that a cursor is short enough for a URL. */
const KEY_CHARACTERS = literal(100);

export type ListOrder = ReturnType<typeof listOrder>;

/** The order of a list: by a column, rows without a value last, then by `id`. */
export function listOrder(columns: Readonly<Record<string, PgColumn>>, requested = "-createdAt") {
  const isDescending = requested.startsWith("-");
  const column = columnOf(columns, isDescending ? requested.slice(1) : requested);
  const id = columnOf(columns, "id");
  const type = column instanceof PgTimestampString ? "instant" : column instanceof PgInteger ? "number" : "text";
  const isNullable = !column.notNull;
  const keyOf = (value: SQL) => (type === "text" ? sql`left(${value}, ${KEY_CHARACTERS})` : value);
  const value = keyOf(sql`${column}`);
  const bare = keyOf(sql.raw(column.name));
  const direction = isDescending ? desc : asc;
  // Where PostgreSQL's default is the same, an index can be read in this order.
  const nulls = isNullable && isDescending ? sql` nulls last` : sql``;
  const isNewestFirst = requested === "-createdAt";
  return {
    /** As a request has it; `undefined` for newest first. */
    sort: isNewestFirst ? undefined : requested,
    type,
    isNullable,
    /** In a query on the table. */
    inner: [sql`${direction(value)}${nulls}`, direction(id)],
    /** The same by the bare names of columns, in a query on its rows. */
    outer: sql`${direction(bare)}${nulls}, ${direction(sql.raw("id"))}`,
    /** The value of a row that it is ordered by, by the bare name; `undefined` if it is the row's `createdAt`. */
    key: isNewestFirst ? undefined : sql`${resultValue(column, bare)} as sort_key`,
    /** The condition that a row comes after the cursor, whose key has a value or has none. */
    after(hasValue: boolean): SQL | undefined {
      const cursorId = sql`${param("cursor.id")}::uuid`;
      const operator = sql.raw(isDescending ? "<" : ">");
      if (!hasValue) return sql`(${column} is null and ${id} ${operator} ${cursorId})`;
      const position = sql`(${columnParam(column, "cursor.key")}, ${cursorId})`;
      const isAfter = sql`(${value}, ${id}) ${operator} ${position}`;
      return isNullable ? or(isAfter, isNull(column)) : isAfter;
    },
  } as const;
}

/** The values of a row that lists are ordered by. */
export interface CursorKey {
  /** An instant is PostgreSQL's text, with microseconds: two rows may share a millisecond. */
  readonly key: string | number | null;
  readonly id: string;
}

/** The type of the values that a list is ordered by. */
export type KeyType = "instant" | "number" | "text";

const date = /\d{4,6}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])/.source;
const time = /(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,6})?[+-]\d\d(?::[0-5]\d){0,2}/.source;
const instant = new RegExp(`^(?:-?infinity|${date} ${time}(?: BC)?)$`);
const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

const keyForms: Readonly<Record<KeyType, (key: unknown) => key is string | number>> = {
  instant: (key): key is string => typeof key === "string" && instant.test(key),
  number: (key): key is number => Number.isInteger(key) && Math.abs(Number(key)) < 2 ** 31,
  text: (key): key is string => typeof key === "string" && unstorableText(key) === undefined,
};

/** The opaque cursor for the rows after this one. @param sort of the list; `undefined` for newest first */
export function toCursor({ key, id }: CursorKey, sort: string | undefined): string {
  const text = sort === undefined ? `${key} ${id}` : JSON.stringify([sort, key, id]);
  return Buffer.from(text).toString("base64url");
}

/** @throws ValidationError for text that is not the cursor of a page in this order, by values of this `type` */
export function readCursor(
  cursor: string,
  sort: string | undefined,
  { type, isNullable }: { readonly type: KeyType; readonly isNullable: boolean },
): CursorKey {
  const [own, key, id] = partsOf(Buffer.from(cursor, "base64url").toString());
  if (typeof id !== "string" || !uuid.test(id)) throw invalid("must be the next cursor of a page, unchanged");
  if (own !== sort) throw invalid("belongs to a list in another order: send it with the sort of its page");
  const isKey = keyForms[type];
  if ((key === null && isNullable) || isKey(key)) return { key, id };
  throw invalid("must be the next cursor of a page, unchanged");
}

function partsOf(text: string): readonly unknown[] {
  // A cursor of the newest first is its key and id, and nothing else.
  if (!text.startsWith("[")) return [undefined, text.slice(0, -37), text.slice(-36)];
  try {
    const parts: unknown = JSON.parse(text);
    return Array.isArray(parts) ? parts : [];
  } catch {
    return [];
  }
}

/** An instant such as that of 30 February has the form of one, and the database refuses it. */
export function cursorError(error: unknown): unknown {
  const isOfValue = error instanceof ValidationError && !error.isTooLarge && error.issues[0]?.path === "";
  return isOfValue ? invalid("must be the next cursor of a page, unchanged") : error;
}

function invalid(message: string): ValidationError {
  return new ValidationError([{ path: "cursor", message }]);
}
