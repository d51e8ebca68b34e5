import type { Random } from "../random.ts";

/** JSON text that stands in a value as it is, such as a number that no double holds. */
export class JsonText {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** How a value is written. */
interface Spelling {
  /** What may stand between tokens. */
  readonly blanks: readonly string[];
  /** Characters as `\uXXXX`, also where none is needed. */
  readonly escapes: boolean;
  /** Members twice, the last of which counts. */
  readonly duplicates: boolean;
}

/** JSON knows more of them, but a line ends at some. */
const BLANKS_OF_LINES = [" ", "\t", "\r", "  ", ""];
const BLANKS = [" ", "\n", "\t", "\r\n", ""];

/**
 * The JSON text of a value, in one of its many spellings. Unpaired surrogates are escaped.
 * @param isLine whether it must be without a line's end
 */
export function toJsonText(random: Random, value: unknown, isLine = false): string {
  if (random.chance(0.5)) return write(random, value, { blanks: [], escapes: false, duplicates: false });
  return write(random, value, {
    blanks: random.chance(0.5) ? (isLine ? BLANKS_OF_LINES : BLANKS) : [],
    escapes: random.chance(0.4),
    duplicates: random.chance(0.3),
  });
}

function write(random: Random, value: unknown, spelling: Spelling): string {
  const { blanks } = spelling;
  const blank = () => (blanks.length === 0 ? "" : blanks[random.below(blanks.length)]);
  const go = (member: unknown): string => `${blank()}${write(random, member, spelling)}${blank()}`;
  if (value instanceof JsonText) return value.text;
  if (typeof value === "string") return writeText(random, value, spelling);
  if (typeof value === "number") return writeNumber(random, value);
  if (Array.isArray(value)) return `[${value.map(go).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const members = Object.entries(value).flatMap(([name, member]) => {
    const written = `${blank()}${writeText(random, name, spelling)}${blank()}:${go(member)}`;
    const isTwice = spelling.duplicates && random.chance(0.3);
    return isTwice ? [`${JSON.stringify(name)}:${["null", "[]", '"first"'][random.below(3)]}`, written] : [written];
  });
  return `{${members.join(",")}}`;
}

function writeText(random: Random, text: string, { escapes }: Spelling): string {
  if (!escapes) return JSON.stringify(text);
  const units = Array.from({ length: text.length }, (_, index) => text.charCodeAt(index));
  const hex = (unit: number) => unit.toString(16).padStart(4, "0");
  return `"${units.map((unit) => `\\u${random.chance(0.5) ? hex(unit) : hex(unit).toUpperCase()}`).join("")}"`;
}

/** JSON has many spellings of one number. */
function writeNumber(random: Random, value: number): string {
  const plain = JSON.stringify(value);
  if (!Number.isInteger(value) || plain.includes("e") || random.chance(0.8)) return plain;
  return (
    [`${plain}.0`, `${plain}e0`, `${plain === "0" ? "0" : `${plain}0`}E-1`, `${plain}.000e+00`][random.below(4)] ??
    plain
  );
}

/** A value that nests this deep: `[[…]]`, or objects and lists in turns. */
export function nested(depth: number, withObjects: boolean): JsonText {
  const open = (level: number) => (withObjects && level % 2 === 1 ? '{"a":' : "[");
  const close = (level: number) => (withObjects && level % 2 === 1 ? "}" : "]");
  const levels = Array.from({ length: depth }, (_, level) => level);
  const innermost = withObjects && (depth - 1) % 2 === 1 ? "1" : "";
  return new JsonText(levels.map(open).join("") + innermost + levels.toReversed().map(close).join(""));
}
