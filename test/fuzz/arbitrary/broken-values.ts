import fc from "fast-check";
import { JsonText, Reference, resolve } from "../known-ids.ts";
import type { JsonSchema, SchemaJudge } from "../schema-verdict.ts";
import { nested } from "./json-text.ts";
import { text, unstorableText } from "./text.ts";
import { butRarely, record, type Value, type Values } from "./values.ts";

/**
 * Generates values that are broken in one place: another type, an exceeded bound, text that cannot be stored. Such a value is
 * usually invalid; the document decides.
 */
export class BrokenValues {
  readonly #judge: SchemaJudge;
  readonly #values: Values;

  constructor(judge: SchemaJudge, values: Values) {
    this.#judge = judge;
    this.#values = values;
  }

  /** Name and kind as for `Values.of`. */
  of(reference: JsonSchema, name = "", kind = ""): Value {
    const schema = this.#judge.schemaOf(reference);
    const parts = schema.anyOf?.filter(({ type }) => type !== "null") ?? [];
    if (parts.length > 0) return fc.oneof(...parts.map((part) => this.of(part, name, kind)));
    const breaks = this.#breaksOf(schema, name, kind);
    const any = fc.constantFrom(...ANY);
    const own =
      breaks.length === 0
        ? any
        : fc.oneof({ weight: 13, arbitrary: fc.oneof(...breaks) }, { weight: 7, arbitrary: any });
    const inner = this.#brokenWithin(schema, name, kind);
    return inner.length === 0 ? own : butRarely(fc.oneof(...inner), 15, own);
  }

  /** Generators that break the value itself. */
  #breaksOf(schema: JsonSchema, name: string, kind: string): Value[] {
    const { type, properties, items } = schema;
    const types = [type ?? []].flat();
    const breaks: Value[] = [];
    if (types.includes("string")) breaks.push(this.#brokenText(schema, name, kind));
    if (types.includes("integer") || types.includes("number")) breaks.push(brokenNumber(schema));
    if (types.includes("array")) breaks.push(this.#brokenList(schema, name, kind));
    const isAnyJson =
      type === undefined || (type === "array" && items !== undefined && Object.keys(items).length === 0);
    if (isAnyJson || (type === "object" && properties === undefined)) breaks.push(brokenJson);
    return breaks;
  }

  /** Generators of values with one member broken or missing. */
  #brokenWithin(schema: JsonSchema, name: string, kind: string): Value[] {
    const { properties = {}, items, required = [] } = schema;
    if (items !== undefined && Object.keys(items).length > 0) {
      const lists = fc.tuple(this.#values.of(schema, name, kind), this.of(items, name, kind), fc.boolean());
      return [lists.map(([list, item, isFirst]) => (isFirst ? [item, ...asList(list)] : [...asList(list), item]))];
    }
    const fields = this.#values.fieldsOf(schema, kind);
    return Object.entries(properties).map(([key, property]) => {
      const broken = this.of(property, key, kind);
      const isNeeded = required.includes(key);
      return record({ ...fields, [key]: isNeeded ? fc.option(broken, { freq: 6, nil: undefined }) : broken });
    });
  }

  #brokenText(schema: JsonSchema, name: string, kind: string): Value {
    const { format, minLength = 0, maxLength } = schema;
    if (schema.enum !== undefined) {
      const [member = ""] = schema.enum;
      const others = ["unknown", "__proto__", "toString"];
      return fc.constantFrom(`${member} `, String(member).toUpperCase(), `${member}\u0000`, ...others);
    }
    if (format === "uuid") {
      const ids = this.#values.of(schema, name, kind);
      return fc.tuple(ids, fc.constantFrom(...BROKEN_IDS)).map(([id, spell]) => {
        return new Reference((known) => spell(String(resolve(id, known))));
      });
    }
    if (format === "date-time") return fc.constantFrom(...BROKEN_INSTANTS);
    if (format === "idn-email") {
      const long = `${"m".repeat((maxLength ?? 255) - 11)}@example.com`;
      return fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...BROKEN_ADDRESSES, long) }, unstorableText);
    }
    const texts: fc.Arbitrary<string>[] = [unstorableText];
    if (minLength > 0) texts.push(fc.constant(""));
    if (maxLength !== undefined) {
      const [over, most] = [maxLength + 1, maxLength];
      const bounds = ["x".repeat(over), "😀".repeat(most), "😀".repeat(over), "e\u0301".repeat(most)];
      texts.push(fc.constantFrom(...bounds), text(over, over), text(most, most));
    }
    return fc.oneof(...texts);
  }

  #brokenList(schema: JsonSchema, name: string, kind: string): Value {
    const { minItems = 0, maxItems } = schema;
    const list = this.#values.of(schema, name, kind).map(asList);
    const longer = list.chain((list) =>
      fc.constantFrom<unknown>([...list, null], [...list, ...list], { 0: list[0] ?? null, length: 1 }),
    );
    const broken = minItems > 0 ? butRarely(longer, 4, fc.constant([])) : longer;
    if (maxItems === undefined) return broken;
    const tooLong = list.map((list) => Array.from({ length: maxItems + 1 }, (_, index) => list[index % list.length]));
    // Long lists take long to send.
    return butRarely(broken, 30, tooLong);
  }
}

/** A value of every JSON type, and values that loosely typed languages convert. */
const ANY: readonly unknown[] = [
  ...[null, true, false, 0, 1, -1, "", "0", "1", "true", "null", [], {}, [null], [[]], { a: 1 }, "NaN"],
  ...["1e400", "-1e400", "12345678901234567890", '{"__proto__":{"id":"x"}}'].map((json) => new JsonText(json)),
  ...['{"constructor":{"prototype":{"x":1}}}', '{"$ne":null}'].map((json) => new JsonText(json)),
];

const BROKEN_IDS: readonly ((id: string) => string)[] = [
  (id) => id.replaceAll("-", ""),
  (id) => `{${id}}`,
  (id) => `urn:uuid:${id}`,
  (id) => ` ${id}`,
  (id) => `${id}\n`,
  (id) => id.slice(1),
  (id) => id.replace(/^./, "g"),
  (id) => id.replaceAll("-", "\u2010"),
  (id) => id.replace(/^./, "\uff10"),
  () => "1",
  (id) => `${id}' or '1'='1`,
];

const BROKEN_INSTANTS =
  "2026-02-15|2026-02-15T10:00:00|2026-02-15T10:00Z|2026-02-15 10:00:00Z|2026-02-30T10:00:00Z|2023-02-29T10:00:00Z|2026-13-01T10:00:00Z|2026-00-01T10:00:00Z|2026-02-15T24:00:00Z|2026-02-15T10:60:00Z|2016-12-31T23:59:60Z|2026-02-15T10:00:00+24:00|2026-02-15T10:00:00+0200|2026-02-15T10:00:00.Z|2026-02-15T10:00:00,5Z|0000-01-01T00:00:00Z|0001-01-01T00:00:00+00:01|9999-12-31T23:59:59-00:01|+012026-01-01T00:00:00Z|-0001-01-01T00:00:00Z|infinity|now|epoch|1760000000|２０２６-02-15T10:00:00Z".split(
    "|",
  );
const BROKEN_ADDRESSES = ["", "jane", "@", "jane@", "@example.com", "jane example.com", "a@b@c", "a b@c.d"];

function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function brokenNumber({ minimum = 0, maximum }: JsonSchema): Value {
  const below = [minimum - 1, minimum - 0.5, minimum + 0.5, minimum - Number.EPSILON];
  const above = maximum === undefined ? [] : [maximum + 1, maximum + 0.5, maximum * 10];
  const texts = ["1e400", "-0", "0.99999999999999999", "-1e-400"].map((json) => new JsonText(json));
  return fc.constantFrom<unknown>(...below, ...above, 2 ** 53, 2 ** 63, 1e21, ...texts);
}

const DEPTHS = [62, 63, 64, 65, 66, 300, 5_000];
const BROKEN_JSON = ['{"__proto__":{"a":"\\u0000"}}', '[{"a":1e400}]', '{"a":[-1e400]}', '{"a":9007199254740994}'];
const brokenJson: Value = fc.oneof(
  fc.tuple(fc.constantFrom(...DEPTHS), fc.boolean()).map(([depth, withObjects]) => nested(depth, withObjects)),
  unstorableText.chain((bad) => fc.constantFrom<unknown>([bad], { a: { b: [bad] } }, { [bad]: 1 }, [{ [bad]: 1 }])),
  fc.constantFrom(...BROKEN_JSON.map((json) => new JsonText(json))),
);
