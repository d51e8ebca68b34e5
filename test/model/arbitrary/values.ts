import fc from "fast-check";
import type { Kind } from "../known-rows.ts";
import { creation, cursor, gone, live, never, type Reference, upperCase, version } from "../reference.ts";

/**
 * Values of fields. Most come from small pools, so that filters select something, unique values are taken, ranges contain
 * tasks, and a change may change nothing; the rest are any values that the rules permit.
 */
type Value = fc.Arbitrary<unknown>;

/** One in this many fields breaks its rule. */
const BROKEN = 150;

/** `valid`, and now and then a value that breaks the field's rule. `broken` includes every wrong type. */
export function mostly(valid: Value, ...broken: readonly unknown[]): Value {
  return fc.oneof({ weight: BROKEN, arbitrary: valid }, { weight: 1, arbitrary: fc.constantFrom<unknown>(...broken) });
}

const anyText = (minLength: number) => {
  return fc.string({ unit: "binary", minLength, maxLength: 12 }).map((text) => text.replaceAll("\u0000", "␀"));
};

const brokenText = [null, 7, true, "a\u0000b", "\ud83c", "b\udfc3", ["text"], { text: "text" }];

/** @param pool of values that recur */
export function text(pool: readonly string[], min: number, max: number): Value {
  const bounds = ["x".repeat(max), "🏃".repeat(max), ...(min === 0 ? [""] : ["🏃"])];
  const tooLong = max < 1_000 ? ["x".repeat(max + 1), "🏃".repeat(max + 1)] : [];
  const valid = fc.oneof(
    { weight: 12, arbitrary: fc.constantFrom(...pool) },
    { weight: 3, arbitrary: anyText(min) },
    { weight: 1, arbitrary: fc.constantFrom(...bounds) },
  );
  return mostly(valid, ...brokenText, ...tooLong, ...(min === 0 ? [] : [""]));
}

export const title = text(["Run 3 km", "Learn 50 words", "Übe Tonleitern 🎹", "' or 1=1 --"], 1, 500);
export const status = text(["active", "pending", "open", "done"], 0, 2_000);
export const category = text(["health", "education", ""], 0, 2_000);
export const calendarEvent = text(["event-1", "event-2"], 1, 255);

const addresses = ["ada@example.com", "grace@example.com", "alan@example.com", "josé@exämple.com", "Ada@example.com"];
export const email = mostly(
  fc.oneof(
    { weight: 10, arbitrary: fc.constantFrom(...addresses) },
    { weight: 1, arbitrary: fc.constantFrom("a@b", `${"x".repeat(243)}@example.com`, "o'neill+tag@mail.example.com") },
  ),
  ...["", "ada", "@example.com", "ada@", "ada@@example.com", "a b@example.com", ".a@example.com", null, 7, "a\u0000@b"],
  `${"x".repeat(244)}@example.com`,
);
export const anAddress = fc.constantFrom(...addresses, "nobody@example.com");

export const boolean = mostly(fc.boolean(), null, 0, 1, "true");

/** Optional nullable fields. */
export const nullable = (value: Value): Value => fc.oneof({ weight: 4, arbitrary: value }, fc.constant(null));

function choice(...values: readonly string[]): Value {
  return mostly(fc.constantFrom(...values), null, "", "SCHEDULED", "other", 0, [values[0]]);
}

export const state = choice("scheduled", "drifted", "completed", "missed");
export const priority = choice("standard", "important", "must-not-miss");
export const triggerType = choice("time", "on_leaving_home");

const first = Date.parse("0001-01-01T00:00:00.000Z");
const last = Date.parse("9999-12-31T23:59:59.999Z");
const noon = Date.parse("2026-02-15T12:00:00.000Z");
export const instant = mostly(
  fc.oneof(
    {
      weight: 12,
      arbitrary: fc.constantFrom(...[0, 1, -1, 3_600_000, 7_200_000].map((shift) => new Date(noon + shift))),
    },
    { weight: 2, arbitrary: fc.date({ min: new Date(first), max: new Date(last), noInvalidDate: true }) },
    { weight: 1, arbitrary: fc.constantFrom(new Date(first), new Date(last)) },
  ),
  ...[new Date(Number.NaN), new Date(first - 1), new Date(last + 1), "2026-02-15T12:00:00Z", noon, {}],
);

export const weekNumber = mostly(
  fc.oneof({ weight: 9, arbitrary: fc.integer({ min: 1, max: 4 }) }, fc.constantFrom(1, 2 ** 31 - 1)),
  ...[0, -1, 1.5, 2 ** 31, Number.NaN, "3", null, 1e300],
);

export const speed = mostly(
  fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom(0, 1, 60, 0.1, -0, Number.MAX_VALUE, 5e-324) },
    fc.double({ min: 0, noNaN: true, noDefaultInfinity: true }),
  ),
  ...[-1, Number.NaN, Number.POSITIVE_INFINITY, -1e-9, "1", null],
);

const storable = fc.string({ unit: "binary", maxLength: 6 }).map((text) => text.replaceAll("\u0000", ""));
const json = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.constantFrom(null, true, false),
    fc.oneof(fc.integer(), fc.double({ noNaN: true, noDefaultInfinity: true })),
    storable,
    fc.array(tie("value"), { maxLength: 3 }),
    tie("object"),
  ),
  object: fc.dictionary(
    fc.oneof(
      { weight: 3, arbitrary: fc.constantFrom("timezone", "b", "aa", "10", "9", "__proto__", "constructor") },
      storable,
    ),
    tie("value"),
    { maxKeys: 4 },
  ),
}));

/** An array in an array in an array …. */
function nested(depth: number): unknown {
  let value: unknown = [];
  for (let level = 1; level < depth; level++) value = [value];
  return value;
}

const badJson = [Number.NaN, Number.NEGATIVE_INFINITY, undefined, new Date(noon), "a\u0000", "\ud800", nested(64)];

export const preferences = mostly(
  fc.oneof({ weight: 6, arbitrary: json.object }, fc.constantFrom(null, {}, { deep: nested(63) })),
  ...["{}", 7, [], true, ...badJson.map((value) => ({ value })), { "a\u0000": 1 }, { "\udc00": 1 }],
);

const message = fc.oneof(
  { weight: 4, arbitrary: fc.record({ role: fc.constantFrom("user", "assistant"), content: storable }) },
  json.value,
);
export const messages = mostly(
  fc.oneof({ weight: 6, arbitrary: fc.array(message, { maxLength: 4 }) }, fc.constantFrom(null, [nested(63)])),
  ...["[]", 7, {}, true, ...badJson.map((value) => [value])],
);
export const appended = mostly(
  fc.array(message, { minLength: 1, maxLength: 3 }),
  ...[[], null, {}, "hi", Array.from({ length: 1_001 }, () => 1), ...badJson.map((value) => [1, value])],
);

const brokenIds = ["", "7", "0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d6", "0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d6g", 7, {}];

/** The id of a row: usually of an existing one, and usually of one of the few oldest. */
export function rowId(kind: Kind): Value {
  const pick = fc.oneof({ weight: 3, arbitrary: fc.nat({ max: 2 }) }, fc.nat({ max: 20 }));
  const reference = fc.oneof(
    { weight: 40, arbitrary: pick.map((n) => live(kind, n)) },
    { weight: 4, arbitrary: pick.map((n) => gone(kind, n)) },
    { weight: 1, arbitrary: fc.nat({ max: 2 }).map(never) },
    { weight: 2, arbitrary: pick.map((n) => upperCase(live(kind, n))) },
  );
  // More often than for other fields: a read by id has nothing else that can be invalid.
  return fc.oneof({ weight: 40, arbitrary: reference }, { weight: 1, arbitrary: fc.constantFrom(...brokenIds, null) });
}

const chosen = ["c0ffee00-0000-4000-8000-000000000001", "c0ffee00-0000-0000-0000-000000000002"];

/** Invalid titles. */
export const brokenTitles = ["", "x".repeat(501), ...brokenText];

/** A client-supplied id, which may be taken or invalid. */
export function chosenId(kind: Kind): Value {
  return fc.oneof(
    { weight: 3, arbitrary: fc.uuid() },
    { weight: 4, arbitrary: fc.constantFrom(...chosen, ...chosen.map((id) => id.toUpperCase())) },
    { weight: 2, arbitrary: fc.nat({ max: 3 }).map((n) => live(kind, n)) },
    { weight: 1, arbitrary: fc.constantFrom(...brokenIds) },
  );
}

/** The options of a creation: usually none, else an id. */
export function createOptions(kind: Kind): Value {
  return fc.oneof({ weight: 4, arbitrary: fc.constant(undefined) }, fc.record({ id: chosenId(kind) }));
}

/** Invalid cursors: not text, not a position, or no row's. */
const brokenCursors = ["", "a b", "next", "x".repeat(256), null, 7, ["c"]].concat(
  ["2026-02-15 10:00:00+00", "2026-02-15 25:00:00+00 c0ffee00-0000-4000-8000-000000000001"].map((place) =>
    Buffer.from(place).toString("base64url"),
  ),
);

/** A cursor of a page of this kind: usually one of the latest. */
export function cursorOf(kind: Kind): Value {
  const back = fc.oneof({ weight: 3, arbitrary: fc.nat({ max: 1 }) }, fc.nat({ max: 9 }));
  return mostly(
    back.map((pages) => cursor(kind, pages)),
    ...brokenCursors,
  );
}

/** The options of a write on the row `id`: none, or the version that it must have. */
export function writeOptions(kind: Kind, id: unknown): Value {
  if (!isReference(id)) return fc.constant(undefined);
  const current = version(kind, id, 0);
  const stale = version(kind, id, 1);
  const ifVersion = fc.oneof(
    { weight: 5, arbitrary: fc.constant(current) },
    { weight: 2, arbitrary: fc.constant(stale) },
    { weight: 1, arbitrary: fc.constantFrom<unknown>("*", [stale, current], [stale], [], ["*"], "", undefined) },
  );
  return fc.oneof(fc.constant(undefined), fc.record({ ifVersion }));
}

function isReference(id: unknown): id is Reference {
  return typeof id === "object" && id !== null && "resolve" in id;
}

/** The start or end of a range of creation times. */
export const createdAround: Value = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.tuple(fc.nat({ max: 6 }), fc.constantFrom(-1, 0, 1)).map(([n, by]) => creation(live("task", n), by)),
  },
  { weight: 2, arbitrary: fc.constantFrom(new Date(first), new Date(last)) },
  instant,
);
