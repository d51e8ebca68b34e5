import { ValidationError } from "../../contract/errors.ts";

/** The values of a row that lists are ordered by. */
interface CursorKey {
  /** PostgreSQL's text, with microseconds: two rows may share a millisecond. */
  readonly createdAt: string;
  readonly id: string;
}

const date = /\d{4,6}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])/.source;
const time = /(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,6})?[+-]\d\d(?::[0-5]\d){0,2}/.source;
const uuid = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/.source;
const form = new RegExp(`^(-?infinity|${date} ${time}(?: BC)?) (${uuid})$`);

/** The opaque cursor for the rows after this one. */
export function toCursor({ createdAt, id }: CursorKey): string {
  return Buffer.from(`${createdAt} ${id}`, "latin1").toString("base64url");
}

/** @throws ValidationError for text that is not the cursor of a page */
export function readCursor(cursor: string): CursorKey {
  const [, createdAt, id] = form.exec(Buffer.from(cursor, "base64url").toString("latin1")) ?? [];
  if (createdAt !== undefined && id !== undefined) return { createdAt, id };
  throw new ValidationError([{ path: "cursor", message: "must be the next cursor of a page, unchanged" }]);
}
