import { isInstantField, isJsonField, toCamelCase } from "./field-names.ts";

/** No DTO nests deeper. What does is left as it is: no schema knows it, and a hostile depth costs no stack. */
const MAX_DEPTH = 12;

/**
 * The fields of a JSON value under their TypeScript names, with instants as `Date`s. JSON columns pass untouched, by
 * reference. Names that are no field's are left out with all that they hold (contract, "REST": unknown fields are ignored),
 * and nothing reaches a prototype.
 *
 * Nothing is refused here. Text that is no instant stays text, so that the schema says what is wrong with it.
 *
 * @param readInstant reads RFC 3339; `undefined` for anything else
 * @param nameOf the name of the field; `undefined` for none. Default: of any that is snake_case, as one of a later version is
 */
export function decode(
  value: unknown,
  readInstant: (text: string) => Date | undefined,
  nameOf: (wireName: string) => string | undefined = toCamelCase,
  depth = 0,
): unknown {
  if (typeof value !== "object" || value === null || depth > MAX_DEPTH) return value;
  if (Array.isArray(value)) return value.map((item) => decode(item, readInstant, nameOf, depth + 1));
  const fields: Record<string, unknown> = {};
  for (const wireName of Object.keys(value)) {
    const name = nameOf(wireName);
    if (name === undefined) continue;
    const member: unknown = Reflect.get(value, wireName);
    if (typeof member === "string") fields[name] = isInstantField(name) ? (readInstant(member) ?? member) : member;
    else fields[name] = isJsonField(name) ? member : decode(member, readInstant, nameOf, depth + 1);
  }
  return fields;
}
