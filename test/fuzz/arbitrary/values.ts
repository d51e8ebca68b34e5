import fc from "fast-check";
import { JsonText, KEPT, kindOf, Reference } from "../known-ids.ts";
import type { JsonSchema, SchemaJudge } from "../schema-verdict.ts";
import { nested } from "./json-text.ts";
import { text } from "./text.ts";

export type Value = fc.Arbitrary<unknown>;

const NAMES = ["__proto__", "constructor", "prototype", "toString", "hasOwnProperty", "toJSON", "", "a.b", "length"];
const NUMBERS = [0, -0, 1, -1.5, 1e300, 5e-324, 2 ** 53, -(2 ** 31), 0.1, new JsonText("1E+2")];

const json = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, depthSize: "small", withCrossShrink: true },
    fc.constantFrom<unknown>(null, true, false, []),
    fc.constantFrom<unknown>(...NUMBERS),
    text(0, 20),
    fc.boolean().map((withObjects): unknown => nested(56, withObjects)),
    fc.array(tie("value"), { maxLength: 3 }),
    tie("object"),
  ),
  object: fc.dictionary(fc.oneof(fc.constantFrom(...NAMES), text(0, 3)), tie("value"), { maxKeys: 3 }),
}));

/** True in one of `cases` cases. */
function oneIn(cases: number): fc.Arbitrary<boolean> {
  return fc.noBias(fc.nat({ max: cases - 1 })).map((dice) => dice === cases - 1);
}

/** `usual`, and in one of `cases` cases `rare`. */
export function butRarely<Item>(
  usual: fc.Arbitrary<Item>,
  cases: number,
  rare: fc.Arbitrary<Item>,
): fc.Arbitrary<Item> {
  return fc.oneof({ weight: cases - 1, arbitrary: usual }, { weight: 1, arbitrary: rare });
}

/** The id of no row, whatever its version bits. */
export const unknownId: fc.Arbitrary<string> = butRarely(
  fc.noBias(fc.bigInt({ min: 0n, max: 2n ** 128n - 1n })),
  10,
  fc.constantFrom(0n, 2n ** 128n - 1n),
).map((bits) =>
  bits
    .toString(16)
    .padStart(32, "0")
    .replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-"),
);

/** Usually the id of a row that was returned; in any valid spelling. */
function rowId(kind: string): Value {
  if (kind === "") return unknownId;
  return fc
    .tuple(fc.nat({ max: KEPT - 1 }), unknownId, oneIn(20), oneIn(10))
    .map(([back, unknown, isUnknown, isUpper]) => {
      return new Reference((known) => {
        const id = (isUnknown ? undefined : known.before(kind, back)) ?? unknown;
        return isUpper ? id.toUpperCase() : id;
      });
    });
}

const EDGES = ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999Z", "2024-02-29T00:00:00Z", "1970-01-01T00:00:00Z"];

/** RFC 3339, in its spellings. */
const instant: fc.Arbitrary<string> = butRarely(
  fc
    .tuple(
      fc.noBias(fc.date({ min: new Date("2023-11-01"), max: new Date("2030-09-01"), noInvalidDate: true })),
      fc.constantFrom("", ".1", ".123", ".123456", ".999999999", ".000000000000000000001"),
      fc.constantFrom("Z", "Z", "z", "+02:00", "-23:59", "+00:00", "-00:00", "+05:45"),
      fc.constantFrom("T", "T", "t"),
    )
    .map(([date, fraction, offset, t]) => date.toISOString().slice(0, 19).replace("T", t) + fraction + offset),
  10,
  fc.constantFrom(...EDGES),
);

/** Usual e-mail addresses, sometimes of the maximum length; and one that is in use after its first request. */
function emailAddress(maxLength: number): fc.Arbitrary<string> {
  const address = fc
    .tuple(
      fc.constantFrom("jane", "o'neil", "a.b+c", "用户", "ÜNAL", "x"),
      fc.noBias(fc.nat()),
      fc.constantFrom("example.com", "sub.example.co", "bücher.example", "localhost"),
    )
    .map(([local, number, domain]) => `${local}${number.toString(36)}@${domain}`);
  return fc.oneof(
    { weight: 17, arbitrary: address },
    { weight: 2, arbitrary: address.map((short) => "m".repeat(maxLength - [...short].length) + short) },
    { weight: 1, arbitrary: fc.constant("jane@example.com") },
  );
}

function number({ minimum, maximum }: JsonSchema, isWhole: boolean): Value {
  const min = minimum ?? -1_000;
  const max = Math.min(maximum ?? min + 1_000, min + 2 ** 31);
  const others = ["1e-400", "0.30000000000000004440892098500626", "1e308"].map((text) => new JsonText(text));
  return fc.oneof(
    fc.constantFrom(min, maximum ?? min),
    fc.integer({ min, max }),
    ...(isWhole
      ? []
      : [fc.constantFrom<unknown>(1e300, Number.MIN_VALUE, 0.1, ...others), fc.double({ min, max, noNaN: true })]),
  );
}

/** An object with these fields, in either order, and now and then with an unknown field, which is ignored. */
export function record(fields: Readonly<Record<string, Value>>): Value {
  const unknown = fc.option(json.object, { freq: 10 });
  return fc.tuple(fc.record(fields), unknown, fc.boolean()).map(([known, more, isReversed]) => {
    const entries = [
      ...Object.entries(known),
      ...Object.entries(more ?? {}).filter(([name]) => !Object.hasOwn(fields, name)),
    ];
    return Object.fromEntries(isReversed ? entries.toReversed() : entries);
  });
}

function textOf({ format, minLength = 0, maxLength }: JsonSchema, kind: string): Value {
  switch (format) {
    case "uuid":
      return rowId(kind);
    case "date-time":
      return instant;
    case "idn-email":
      return emailAddress(maxLength ?? 255);
    case undefined:
      return text(minLength, maxLength);
    default:
      throw new Error(`There is no generator for the format ${format}.`);
  }
}

/** Values that are valid by the document's schemas, often at a bound. */
export class Values {
  readonly #judge: SchemaJudge;

  constructor(judge: SchemaJudge) {
    this.#judge = judge;
  }

  /**
   * @param name of the field or parameter, which determines the kind of row that an id refers to; if it does not, `kind` does
   */
  of(reference: JsonSchema, name = "", kind = ""): Value {
    const schema = this.#judge.schemaOf(reference);
    if (schema.anyOf !== undefined) return fc.oneof(...schema.anyOf.map((part) => this.of(part, name, kind)));
    if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
    return fc.oneof(...[schema.type ?? ""].flat().map((type) => this.#ofType(type, schema, name, kind)));
  }

  #ofType(type: string, schema: JsonSchema, name: string, kind: string): Value {
    const { properties, items = {}, minItems = 0, maxItems } = schema;
    switch (type) {
      case "null":
        return fc.constant(null);
      case "boolean":
        return fc.boolean();
      case "integer":
      case "number":
        return number(schema, type === "integer");
      case "string":
        return textOf(schema, kindOf(name, kind));
      case "array": {
        const item = this.of(items, name, kind);
        const isLong = maxItems !== undefined && Object.keys(items).length > 0;
        const most = Math.min(maxItems ?? 0, 1_000);
        const long = { minLength: most, maxLength: most, size: "max" } as const;
        const short = fc.array(item, { minLength: minItems, maxLength: Math.max(minItems, 3) });
        return isLong ? butRarely(short, 100, fc.array(item, long)) : short;
      }
      case "object":
        return properties === undefined ? json.object : record(this.fieldsOf(schema, kind));
      default:
        return json.value;
    }
  }

  /** Valid values of an object's fields; half of the optional ones are `undefined`. */
  fieldsOf({ properties = {}, required = [] }: JsonSchema, kind: string): Record<string, Value> {
    const fields = Object.entries(properties).map(([name, schema]): [string, Value] => {
      if (required.includes(name)) return [name, this.of(schema, name, kind)];
      // A required id refers to an existing row; an optional one is a client-supplied id, which is refused if it is taken.
      const value =
        name === "id" ? butRarely(this.of(schema), 10, this.of(schema, name, kind)) : this.of(schema, name, kind);
      return [name, fc.option(value, { freq: 2, nil: undefined })];
    });
    return Object.fromEntries(fields);
  }
}
