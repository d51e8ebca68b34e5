import { asc, desc, isNull, or, type SQL, sql } from "drizzle-orm";
import { type PgColumn, PgInteger, PgTimestampString } from "drizzle-orm/pg-core";
import { ValidationError } from "../../contract/errors.ts";
import { unstorableText } from "../../contract/fields/scalars.ts";
import { literal } from "../../schema/columns.ts";
import { param } from "../statement/statement.ts";
import { columnOf, columnParam, resultValue } from "../statement/text-columns.ts";

/** Characters of a text that lists are ordered by, so that a cursor is short enough for a URL. */
const KEY_CHARACTERS = literal(100);

/** The order of a list: by a column, rows without a value last, then by `id`. */
export class ListOrder {
  /** As a request has it; `undefined` for newest first. */
  readonly sort: string | undefined;
  /** In a query on the table. */
  readonly inner: readonly SQL[];
  /** The same by the bare names of columns, in a query on its rows. */
  readonly outer: SQL;
  /** The value of a row that it is ordered by, by the bare name; `undefined` if it is the row's `createdAt`. */
  readonly key: SQL | undefined;
  readonly type: KeyType;
  readonly isNullable: boolean;
  readonly #column: PgColumn;
  readonly #value: SQL;
  readonly #id: PgColumn;
  readonly #isDescending: boolean;

  constructor(columns: Readonly<Record<string, PgColumn>>, requested = "-createdAt") {
    this.sort = requested === "-createdAt" ? undefined : requested;
    this.#isDescending = requested.startsWith("-");
    const column = columnOf(columns, this.#isDescending ? requested.slice(1) : requested);
    this.type = column instanceof PgTimestampString ? "instant" : column instanceof PgInteger ? "number" : "text";
    this.isNullable = !column.notNull;
    this.#column = column;
    this.#id = columnOf(columns, "id");
    const keyOf = (value: SQL) => (this.type === "text" ? sql`left(${value}, ${KEY_CHARACTERS})` : value);
    this.#value = keyOf(sql`${column}`);
    const direction = this.#isDescending ? desc : asc;
    // Where PostgreSQL's default is the same, an index can be read in this order.
    const nulls = this.isNullable && this.#isDescending ? sql` nulls last` : sql``;
    this.inner = [sql`${direction(this.#value)}${nulls}`, direction(this.#id)];
    const bare = keyOf(sql.raw(column.name));
    this.outer = sql`${direction(bare)}${nulls}, ${direction(sql.raw("id"))}`;
    this.key = this.sort === undefined ? undefined : sql`${resultValue(column, bare)} as sort_key`;
  }

  /** The condition that a row comes after the cursor, whose key has a value or has none. */
  after(hasValue: boolean): SQL | undefined {
    const id = sql`${param("cursor.id")}::uuid`;
    const operator = sql.raw(this.#isDescending ? "<" : ">");
    if (!hasValue) return sql`(${this.#column} is null and ${this.#id} ${operator} ${id})`;
    const position = sql`(${columnParam(this.#column, "cursor.key")}, ${id})`;
    const isAfter = sql`(${this.#value}, ${this.#id}) ${operator} ${position}`;
    return this.isNullable ? or(isAfter, isNull(this.#column)) : isAfter;
  }
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
