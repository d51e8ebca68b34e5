import fc from "fast-check";
import { JsonText } from "../known-ids.ts";

/** How a value is written. */
export interface Spelling {
  /** White space between tokens. */
  readonly blank: string;
  /** Whether characters are written as `\uXXXX`, even if no escape is needed. */
  readonly escapes: "none" | "lower" | "upper";
  /** A value under the same key before each member's own, which is the last one and counts. */
  readonly duplicate: string | undefined;
  /** A whole number has many spellings in JSON. */
  readonly number: (digits: string) => string;
}

const PLAIN: Spelling = { blank: "", escapes: "none", duplicate: undefined, number: (digits) => digits };

export const spelling: fc.Arbitrary<Spelling> = fc.oneof(
  fc.constant(PLAIN),
  fc.record({
    blank: fc.constantFrom("", " ", "\n", "\t", "\r\n"),
    escapes: fc.constantFrom("none", "none", "lower", "upper"),
    duplicate: fc.constantFrom(undefined, undefined, undefined, "null", "[]", '"first"'),
    number: fc.constantFrom<Spelling["number"]>(
      PLAIN.number,
      PLAIN.number,
      (digits) => `${digits}.0`,
      (digits) => `${digits}e0`,
      (digits) => `${digits === "0" ? "0" : `${digits}0`}E-1`,
      (digits) => `${digits}.000e+00`,
    ),
  }),
);

/** The JSON text of a value, empty for `undefined`. Unpaired surrogates are escaped. */
export function toJsonText(value: unknown, spelling: Spelling): string {
  const { blank, escapes, duplicate, number } = spelling;
  if (value instanceof JsonText) return value.text;
  if (typeof value === "string") return escapes === "none" ? JSON.stringify(value) : escaped(value, escapes);
  if (typeof value === "number") {
    const plain = JSON.stringify(value);
    return Number.isInteger(value) && !plain.includes("e") ? number(plain) : plain;
  }
  const spaced = (member: unknown): string => `${blank}${toJsonText(member, spelling)}${blank}`;
  if (Array.isArray(value)) return `[${value.map(spaced).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "";
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  const written = members.flatMap(([name, member]) => [
    ...(duplicate === undefined ? [] : [`${JSON.stringify(name)}:${duplicate}`]),
    `${spaced(name)}:${spaced(member)}`,
  ]);
  return `{${written.join(",")}}`;
}

function escaped(text: string, letters: "lower" | "upper"): string {
  const units = Array.from({ length: text.length }, (_, index) => text.charCodeAt(index).toString(16).padStart(4, "0"));
  return `"${units.map((hex) => `\\u${letters === "upper" ? hex.toUpperCase() : hex}`).join("")}"`;
}

/** A value nested this deep: `[[…]]`, or alternating objects and lists. */
export function nested(depth: number, withObjects: boolean): JsonText {
  const isObject = (level: number) => withObjects && level % 2 === 1;
  const levels = Array.from({ length: depth }, (_, level) => level);
  const open = levels.map((level) => (isObject(level) ? '{"a":' : "["));
  const close = levels.map((level) => (isObject(level) ? "}" : "]"));
  return new JsonText(`${open.join("")}${isObject(depth - 1) ? "1" : ""}${close.toReversed().join("")}`);
}
