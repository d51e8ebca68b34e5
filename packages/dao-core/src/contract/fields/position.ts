import { ValidationError } from "../errors.ts";

declare const brand: unique symbol;

/**
 * How far a database has come: it covers every commit before it. Opaque text, which may be stored and sent; of two positions of
 * one database and its standbys the later is the greater text.
 */
export type DatabasePosition = string & { readonly [brand]: never };

/** A place in PostgreSQL's write-ahead log, as 16 hexadecimal digits. */
const position = /^[0-9A-F]{16}$/;

/** Whether `text` can be a {@link DatabasePosition}. */
export function isPosition(text: unknown): text is DatabasePosition {
  return typeof text === "string" && position.test(text);
}

/** @throws ValidationError for what cannot be a position */
export function parsePosition(text: unknown): DatabasePosition {
  if (isPosition(text)) return text;
  throw new ValidationError([{ path: "readAfter", message: "must be a position, as position() returns it" }]);
}
