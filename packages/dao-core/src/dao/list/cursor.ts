import { ValidationError } from "../../contract/errors.ts";
import { unstorableText } from "../../contract/fields/scalars.ts";

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

/**
 * The opaque cursor for the rows after this one.
 * @param sort of the list; `undefined` for newest first
 */
export function toCursor({ key, id }: CursorKey, sort: string | undefined): string {
  const text = sort === undefined ? `${key} ${id}` : JSON.stringify([sort, key, id]);
  return Buffer.from(text).toString("base64url");
}

/**
 * @param type of the values that the list is ordered by
 * @throws ValidationError for text that is not the cursor of a page in this order
 */
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

function invalid(message: string): ValidationError {
  return new ValidationError([{ path: "cursor", message }]);
}
