import fc from "fast-check";
import { cursorKind, KEPT, type KnownIds, NEWEST_FIRST, Reference } from "../known-ids.ts";
import { VALID, type Verdict } from "../schema-verdict.ts";
import { butRarely, type Value } from "./values.ts";

/** A cursor, by the order of the list that the request asks for. */
export type CursorOf = (order: string) => unknown;

/** The order that a list has by the value of its `sort`. */
export const orderOf = (sort: unknown) => (typeof sort === "string" ? sort : NEWEST_FIRST);

const OLDEST_FIRST = "created_at";

/** The cursor of a page that was returned in this order, unchanged or misspelled; `undefined` if there was none. */
export function knownCursor(kind: string, spell = (cursor: string) => cursor): fc.Arbitrary<CursorOf> {
  return fc.nat({ max: KEPT - 1 }).map((back) => (order) => {
    return new Reference((known) => {
      const cursor = known.before(cursorKind(kind, order), back);
      return cursor && spell(cursor);
    });
  });
}

export function brokenCursor(kind: string, brokenText: Value): fc.Arbitrary<CursorOf> {
  const misspelled = fc
    .tuple(fc.constantFrom(...MISSPELLINGS), fc.noBias(fc.nat()))
    .chain(([misspell, at]) => knownCursor(kind, (cursor) => misspell(cursor, at)));
  const ofAnother = knownCursor(kind).map(
    (cursorOf): CursorOf =>
      (order) =>
        cursorOf(order === NEWEST_FIRST ? OLDEST_FIRST : NEWEST_FIRST),
  );
  const texts = fc.oneof(fc.constantFrom<unknown>(...NO_CURSORS), brokenText).map(
    (text): CursorOf =>
      () =>
        text,
  );
  return butRarely(fc.oneof(misspelled, texts), 3, ofAnother);
}

/** A text as long as a cursor may be the cursor of another row. */
export function judgeCursor(text: string, kind: string, order: string, known: KnownIds): Verdict {
  // Only the form of the cursors of changes is documented.
  if (kind === "change") return VALID;
  const kinds = known.kindsOf(cursorKind(kind, ""), text);
  if (kinds.includes(cursorKind(kind, order))) return VALID;
  if (kinds.length > 0) return { is: "invalid", because: "a cursor of a list in another order" };
  const isLikeOne = /^[\w-]{40,}$/.test(text) && !NO_CURSORS.includes(text);
  return isLikeOne ? { is: "unclear", because: "a cursor that was changed" } : { is: "invalid", because: "no cursor" };
}

/** Invalid cursors; the document does not describe their form. */
const ID = "0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d6e";
const NO_CURSORS: readonly string[] = [
  ...["next", "0", "-", "AAAA"],
  ...[
    "2026-02-15 10:00:00+00",
    `2026-02-30 10:00:00+00 ${ID}`,
    `0000-01-01 00:00:00+00 ${ID}`,
    `999999-01-01 00:00:00+00 ${ID}`,
    `2026-02-15 10:00:00+99 ${ID}`,
    `2026-02-15 10:00:00+00 ${ID}'`,
    `now ${ID}`,
    "2026-02-15 10:00:00+00 \u0000",
  ].map((place) => Buffer.from(place).toString("base64url")),
];

/** One character added, removed, replaced, or in another case. */
const MISSPELLINGS: readonly ((cursor: string, at: number) => string)[] = [
  (cursor) => `${cursor}A`,
  (cursor) => cursor.slice(1),
  (cursor) => cursor.slice(0, -1),
  (cursor) => cursor.toLowerCase(),
  ...["A", "_", "z", "9"].map((character) => (cursor: string, at: number) => {
    const index = at % cursor.length;
    return `${cursor.slice(0, index)}${character}${cursor.slice(index + 1)}`;
  }),
];
