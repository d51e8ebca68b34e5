import type { Random } from "../random.ts";

/** Pieces of text that software has stumbled over. */
const PIECES: readonly string[] = [
  "a",
  "Z",
  " ",
  "\t",
  "\n",
  "\r\n",
  "0",
  "'",
  '"',
  "\\",
  "%",
  "_",
  "$1",
  "{{x}}",
  "; --",
  "' or '1'='1",
  "<script>",
  "/../",
  "null",
  "é",
  "e\u0301",
  "ﬁ",
  "İ",
  "ß",
  "Å",
  "\u212b",
  "\u202eabc\u202c",
  "שלום",
  "مرحبا",
  "漢字",
  "😀",
  "👩‍👩‍👧‍👦",
  "🇩🇪",
  "\u{10ffff}",
  "\uffff",
  "\ufeff",
  "\u2028",
  "\u200b",
  "\u0001",
  "\u007f",
  "\u0085",
  "\\u0000",
  "__proto__",
];

/** Marks what was sent, so that it is known again in what comes back. */
export const MARK = "fuzzmark";

/** Longer than any index of PostgreSQL takes (2,704 bytes). */
const LONG = 6_000;

/** Storable text of this many code points, of all kinds of characters. */
export function textOfLength(random: Random, length: number): string {
  const points: string[] = random.chance(0.3) ? [...MARK] : [];
  while (points.length < length) {
    const piece = PIECES[random.below(PIECES.length)] ?? "";
    const times = random.chance(0.1) ? length : 1;
    for (let time = 0; time < times && points.length < length; time++) points.push(...piece);
  }
  return points.slice(0, length).join("");
}

/** A length within the bounds, most often small, and often one of them. */
export function lengthWithin(random: Random, min: number, max = Number.POSITIVE_INFINITY): number {
  if (random.chance(0.15)) return min;
  if (random.chance(0.15) && max !== Number.POSITIVE_INFINITY) return max;
  if (random.chance(0.01)) return Math.min(max, LONG);
  return Math.min(max, min + random.below(24));
}

/** Text that PostgreSQL cannot store. */
export function unstorableText(random: Random): string {
  const part = pick(random, ["\u0000", "\ud83d", "\ude00", "\ude00\ud83d"]);
  const text = textOfLength(random, random.below(6));
  // Not between the halves of a pair.
  const at = pick(random, [0, text.length]);
  return text.slice(0, at) + part + text.slice(at);
}

/** One of them. */
export function pick<Item>(random: Random, items: readonly Item[]): Item {
  const item = items[random.below(items.length)];
  if (item === undefined) throw new RangeError("There is nothing to pick from.");
  return item;
}
