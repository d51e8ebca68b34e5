import fc from "fast-check";
import { MARK } from "../leaks.ts";

/** Texts that often break software. */
const PIECES =
  "a|Z| |\t|\n|\r\n|0|'|\"|\\|%|_|$1|{{x}}|; --|' or '1'='1|<script>|/../|null|é|e\u0301|ﬁ|İ|ß|Å|\u212b|\u202eabc\u202c|שלום|مرحبا|漢字|😀|👩‍👩‍👧‍👦|🇩🇪|\u{10ffff}|\uffff|\ufeff|\u2028|\u200b|\u0001|\u007f|\u0085|\\u0000|__proto__".split(
    "|",
  );
const piece = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...PIECES) },
  { weight: 1, arbitrary: fc.string({ unit: "grapheme", minLength: 1, maxLength: 1 }) },
);

/** Longer than a value of an index in PostgreSQL may be (2,704 bytes). */
const LONG = 6_000;

/** Storable text of a length in code points: usually short, and often at a bound. */
export function text(min: number, max = Number.POSITIVE_INFINITY): fc.Arbitrary<string> {
  const length = fc.oneof(
    { weight: 70, arbitrary: fc.integer({ min, max: Math.min(max, min + 24) }) },
    { weight: 15, arbitrary: fc.constant(min) },
    { weight: 15, arbitrary: fc.constant(Number.isFinite(max) ? max : min) },
    { weight: 1, arbitrary: fc.constant(Math.min(max, LONG)) },
  );
  const isMarked = fc.oneof({ weight: 7, arbitrary: fc.constant(false) }, { weight: 3, arbitrary: fc.constant(true) });
  return fc
    .tuple(length, isMarked, fc.array(piece, { minLength: 1, maxLength: 24 }))
    .map(([points, marked, pieces]) => {
      const repeated = [...pieces.join("")];
      const all = Array.from({ length: points }, (_, index) => repeated[index % repeated.length]);
      return [...(marked ? MARK : ""), ...all].slice(0, points).join("");
    });
}

/** Text that PostgreSQL cannot store; the offending part does not split a surrogate pair. */
export const unstorableText: fc.Arbitrary<string> = fc
  .tuple(fc.constantFrom("\u0000", "\ud83d", "\ude00", "\ude00\ud83d"), text(0, 6), fc.boolean())
  .map(([part, around, isFirst]) => (isFirst ? part + around : around + part));
