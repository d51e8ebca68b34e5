import { isInstantField, isJsonField } from "./field-names.ts";

/** No DTO nests deeper. What does is left as it is: no schema knows it, and a hostile depth costs no stack. */
const MAX_DEPTH = 12;

/** How JSON is read. */
export interface Reading {
  /** Reads RFC 3339; `undefined` for anything else. */
  readonly instant: (text: string) => Date | undefined;
  /** The name of the field that has this one in JSON; `undefined` for none. */
  readonly nameOf: (wireName: string) => string | undefined;
  /** Items that a list may have. What has more is left as it is: it is refused as a whole. */
  readonly maxItems: number;
}

/**
 * The fields of a JSON value under their TypeScript names, with instants as `Date`s. JSON columns pass untouched, by
 * reference. Names that are no field's are left out with all that they hold (contract, "REST": unknown fields are ignored),
 * and nothing reaches a prototype.
 *
 * Nothing is refused here. Text that is no instant stays text, so that the schema says what is wrong with it.
 */
export function decode(value: unknown, reading: Reading, depth = 0): unknown {
  if (typeof value !== "object" || value === null || depth > MAX_DEPTH) return value;
  if (Array.isArray(value)) {
    return value.length > reading.maxItems ? value : value.map((item) => decode(item, reading, depth + 1));
  }
  const fields: Record<string, unknown> = {};
  for (const wireName of Object.keys(value)) {
    const name = reading.nameOf(wireName);
    if (name === undefined) continue;
    const member: unknown = Reflect.get(value, wireName);
    if (typeof member === "string") fields[name] = isInstantField(name) ? (reading.instant(member) ?? member) : member;
    else fields[name] = isJsonField(name) ? member : decode(member, reading, depth + 1);
  }
  return fields;
}
