import type { Random } from "../random.ts";
import { JsonText, nested } from "./json-text.ts";
import type { JsonSchema, SchemaJudge } from "./schema-verdict.ts";
import { pick, textOfLength, unstorableText } from "./text.ts";

/** A place in a value, which can be given another. */
interface Place {
  readonly schema: JsonSchema;
  readonly value: unknown;
  readonly put: (value: unknown) => void;
  /** For a member of an object: takes it away. */
  readonly remove?: () => void;
}

/**
 * The value with one place of it broken: another type, a bound passed, text that cannot be stored. Most often it is
 * invalid then; whether it is, the document says.
 */
export function breakValue(random: Random, judge: SchemaJudge, schema: JsonSchema, value: unknown): unknown {
  let root = value;
  const places = placesOf(judge, schema, value, (other) => {
    root = other;
  });
  // The root has the fewest ways to be broken.
  const place = pick(random, places.length > 1 && random.chance(0.95) ? places.slice(1) : places);
  if (place.remove !== undefined && random.chance(0.15)) place.remove();
  else place.put(brokenOne(random, judge, place));
  return root;
}

function placesOf(judge: SchemaJudge, reference: JsonSchema, value: unknown, put: Place["put"]): Place[] {
  const schema = effective(judge, reference, value);
  const places: Place[] = [{ schema, value, put }];
  if (value instanceof JsonText || typeof value !== "object" || value === null) return places;
  if (Array.isArray(value)) {
    for (const [index, item] of value.slice(0, 20).entries()) {
      places.push(
        ...placesOf(judge, schema.items ?? {}, item, (other) => {
          value[index] = other;
        }),
      );
    }
    return places;
  }
  for (const [name, member] of Object.entries(value)) {
    const define = (other: unknown) =>
      Object.defineProperty(value, name, { value: other, enumerable: true, configurable: true, writable: true });
    const [own, ...inner] = placesOf(judge, schema.properties?.[name] ?? {}, member, define);
    if (own !== undefined) places.push({ ...own, remove: () => Reflect.deleteProperty(value, name) }, ...inner);
  }
  return places;
}

/** Of several schemas the one that is about this value, else the first. */
function effective(judge: SchemaJudge, reference: JsonSchema, value: unknown): JsonSchema {
  const schema = judge.schemaOf(reference);
  if (schema.anyOf === undefined) return schema;
  const fitting = schema.anyOf.find((part) => judge.judge(part, value).is === "valid");
  return judge.schemaOf(fitting ?? schema.anyOf[0] ?? {});
}

/** Of every JSON type one, and what languages without types take for another. */
const ANY: readonly unknown[] = [
  null,
  true,
  false,
  0,
  1,
  -1,
  "",
  "0",
  "1",
  "true",
  "null",
  [],
  {},
  [null],
  [[]],
  { a: 1 },
  "NaN",
  new JsonText("1e400"),
  new JsonText("-1e400"),
  new JsonText("12345678901234567890"),
  new JsonText('{"__proto__":{"id":"x"}}'),
  new JsonText('{"constructor":{"prototype":{"x":1}}}'),
  new JsonText('{"$ne":null}'),
];

function brokenOne(random: Random, judge: SchemaJudge, { schema, value }: Place): unknown {
  const types = [schema.type ?? []].flat();
  const own: unknown[] = [];
  if (types.includes("string")) own.push(...brokenTexts(random, schema, value));
  if (types.includes("integer") || types.includes("number")) own.push(...brokenNumbers(schema));
  if (types.includes("array")) own.push(...brokenLists(random, schema, value));
  if (isOpen(schema)) own.push(...brokenJson(random));
  if (types.includes("object") && schema.properties !== undefined) own.push(lacking(random, judge, schema, value));
  return own.length > 0 && random.chance(0.65) ? pick(random, own) : pick(random, ANY);
}

function brokenTexts(random: Random, schema: JsonSchema, value: unknown): unknown[] {
  const { format, minLength, maxLength } = schema;
  const sent = typeof value === "string" ? value : "";
  if (schema.enum !== undefined) {
    const [member = ""] = schema.enum;
    return [`${member} `, String(member).toUpperCase(), `${member}\u0000`, "unknown", "__proto__", "toString"];
  }
  if (format === "uuid") {
    return [
      sent.replaceAll("-", ""),
      `{${sent}}`,
      `urn:uuid:${sent}`,
      ` ${sent}`,
      `${sent}\n`,
      sent.slice(1),
      sent.replace(/^./, "g"),
      sent.replaceAll("-", "\u2010"),
      sent.replace(/^./, "\uff10"),
      "1",
      `${sent}' or '1'='1`,
    ];
  }
  if (format === "date-time") return BROKEN_INSTANTS.slice();
  if (format === "idn-email") {
    const long = `${"m".repeat((maxLength ?? 255) - 11)}@example.com`;
    return [
      "",
      "jane",
      "@",
      "jane@",
      "@example.com",
      "jane example.com",
      "a@b@c",
      "a b@c.d",
      long,
      unstorableText(random),
    ];
  }
  const texts = [unstorableText(random)];
  if (minLength !== undefined && minLength > 0) texts.push("", "");
  if (maxLength !== undefined) {
    texts.push("x".repeat(maxLength + 1), "😀".repeat(maxLength), "😀".repeat(maxLength + 1));
    texts.push("e\u0301".repeat(maxLength), textOfLength(random, maxLength + 1), textOfLength(random, maxLength));
  }
  return texts;
}

const BROKEN_INSTANTS: readonly string[] = [
  "2026-02-15",
  "2026-02-15T10:00:00",
  "2026-02-15T10:00Z",
  "2026-02-15 10:00:00Z",
  "2026-02-30T10:00:00Z",
  "2023-02-29T10:00:00Z",
  "2026-13-01T10:00:00Z",
  "2026-00-01T10:00:00Z",
  "2026-02-15T24:00:00Z",
  "2026-02-15T10:60:00Z",
  "2016-12-31T23:59:60Z",
  "2026-02-15T10:00:00+24:00",
  "2026-02-15T10:00:00+0200",
  "2026-02-15T10:00:00.Z",
  "2026-02-15T10:00:00,5Z",
  "0000-01-01T00:00:00Z",
  "0001-01-01T00:00:00+00:01",
  "9999-12-31T23:59:59-00:01",
  "+012026-01-01T00:00:00Z",
  "-0001-01-01T00:00:00Z",
  "infinity",
  "now",
  "epoch",
  "1760000000",
  "２０２６-02-15T10:00:00Z",
];

function brokenNumbers({ minimum = 0, maximum }: JsonSchema): unknown[] {
  const numbers: unknown[] = [
    minimum - 1,
    minimum - 0.5,
    minimum + 0.5,
    minimum - Number.EPSILON,
    2 ** 53,
    2 ** 63,
    1e21,
  ];
  numbers.push(new JsonText("1e400"), new JsonText("-0"), new JsonText("0.99999999999999999"), new JsonText("-1e-400"));
  if (maximum !== undefined) numbers.push(maximum + 1, maximum + 0.5, maximum * 10);
  return numbers;
}

function brokenLists(random: Random, { maxItems, minItems }: JsonSchema, value: unknown): unknown[] {
  const list = Array.isArray(value) ? value : [];
  const lists: unknown[] = [[...list, null], [...list, list], { 0: list[0] ?? null, length: 1 }];
  if (minItems !== undefined && minItems > 0) lists.push([]);
  // Long lists are long to send.
  if (maxItems !== undefined && list.length > 0 && random.chance(0.1)) {
    lists.push(Array.from({ length: maxItems + 1 }, (_, index) => list[index % list.length]));
  }
  return lists;
}

/** A schema of any JSON. */
function isOpen({ type, properties, items }: JsonSchema): boolean {
  if (type === "object") return properties === undefined;
  return type === undefined || (type === "array" && items !== undefined && Object.keys(items).length === 0);
}

function brokenJson(random: Random): unknown[] {
  const bad = unstorableText(random);
  const deep = pick(random, [62, 63, 64, 65, 66, 300, 5_000]);
  return [
    nested(deep, random.chance(0.5)),
    nested(deep, random.chance(0.5)),
    [bad],
    { a: { b: [bad] } },
    { [bad]: 1 },
    [{ [bad]: 1 }],
    new JsonText('{"__proto__":{"a":"\\u0000"}}'),
    new JsonText('[{"a":1e400}]'),
    new JsonText('{"a":[-1e400]}'),
    new JsonText('{"a":9007199254740994}'),
  ];
}

function lacking(random: Random, judge: SchemaJudge, schema: JsonSchema, value: unknown): unknown {
  const names = judge.schemaOf(schema).required ?? [];
  if (names.length === 0 || typeof value !== "object" || value === null) return [];
  const absent = pick(random, names);
  return Object.fromEntries(Object.entries(value).filter(([name]) => name !== absent));
}
