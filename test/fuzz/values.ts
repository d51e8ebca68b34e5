import type { Random } from "../random.ts";
import { type IdStock, kindOf } from "./id-stock.ts";
import { JsonText, nested } from "./json-text.ts";
import type { JsonSchema, SchemaJudge } from "./schema-verdict.ts";
import { lengthWithin, pick, textOfLength } from "./text.ts";

/** Makes values that are valid by the document's schemas, often at a bound of what is. */
export class Values {
  readonly #random: Random;
  readonly #judge: SchemaJudge;
  readonly #ids: IdStock;

  constructor(random: Random, judge: SchemaJudge, ids: IdStock) {
    this.#random = random;
    this.#judge = judge;
    this.#ids = ids;
  }

  /** @param name of the field or parameter, which tells whose id an id is; `kind` does where the name does not */
  make(reference: JsonSchema, name = "", kind = ""): unknown {
    const random = this.#random;
    const schema = this.#judge.schemaOf(reference);
    if (schema.anyOf !== undefined) return this.make(pick(random, schema.anyOf), name, kind);
    if (schema.enum !== undefined) return pick(random, schema.enum);
    const type = schema.type === undefined ? undefined : pick(random, [schema.type].flat());
    switch (type) {
      case "null":
        return null;
      case "boolean":
        return random.chance(0.5);
      case "integer":
      case "number":
        return this.#number(schema, type === "integer");
      case "string":
        return this.#text(schema, kindOf(name, kind));
      case "array":
        return this.#list(schema, name, kind);
      case "object":
        return this.#object(schema, kind);
      default:
        return this.#anything(0);
    }
  }

  #number({ minimum, maximum }: JsonSchema, isWhole: boolean): unknown {
    const random = this.#random;
    const min = minimum ?? -1_000;
    const max = maximum ?? min + 1_000;
    if (random.chance(0.2)) return min;
    if (random.chance(0.2) && maximum !== undefined) return maximum;
    if (isWhole) return min + random.below(Math.min(max - min + 1, 2 ** 31));
    return pick<unknown>(random, [
      min + random.next(),
      1e300,
      Number.MIN_VALUE,
      0.1,
      new JsonText("1e-400"),
      new JsonText("0.30000000000000004440892098500626"),
      new JsonText("1e308"),
    ]);
  }

  #text({ format, minLength = 0, maxLength }: JsonSchema, kind: string): string {
    const random = this.#random;
    switch (format) {
      case "uuid":
        return this.#ids.pick(random, kind);
      case "date-time":
        return makeInstant(random);
      case "idn-email":
        return makeEmail(random, maxLength ?? 255);
      case undefined:
        return textOfLength(random, lengthWithin(random, minLength, maxLength));
      default:
        throw new Error(`Nothing makes the format ${format}.`);
    }
  }

  #list({ items = {}, minItems = 0, maxItems }: JsonSchema, name: string, kind: string): unknown[] {
    const random = this.#random;
    const isLong = Object.keys(items).length === 0 || maxItems === undefined ? false : random.chance(0.01);
    const length = isLong ? Math.min(maxItems ?? 0, 1_000) : Math.max(minItems, random.below(4));
    return Array.from({ length }, () => this.make(items, name, kind));
  }

  #object({ properties, required = [] }: JsonSchema, kind: string): object {
    const random = this.#random;
    if (properties === undefined) return record(Array.from({ length: random.below(4) }, () => this.#member(1)));
    const entries = Object.entries(properties)
      .filter(([name]) => required.includes(name) || random.chance(0.5))
      .map(([name, schema]): [string, unknown] => {
        // An id that must be given is a row's; one that may be is a new row's, which is refused if it is taken.
        const isOfRow = name !== "id" || required.includes(name) || random.chance(0.1);
        return [name, this.make(schema, name, isOfRow ? kind : "")];
      });
    // Unknown fields are ignored.
    if (random.chance(0.1)) entries.push(this.#member(1));
    return record(random.chance(0.5) ? entries : entries.toReversed());
  }

  #member(depth: number): [string, unknown] {
    const names = [
      "__proto__",
      "constructor",
      "prototype",
      "toString",
      "hasOwnProperty",
      "toJSON",
      "",
      "a.b",
      "length",
    ];
    const name = this.#random.chance(0.5) ? pick(this.#random, names) : textOfLength(this.#random, 3);
    return [name, this.#anything(depth)];
  }

  #anything(depth: number): unknown {
    const random = this.#random;
    const kind = random.below(depth > 4 ? 4 : 8);
    if (kind === 0) return pick(random, [null, true, false]);
    if (kind === 1) return textOfLength(random, random.below(20));
    if (kind < 4) return pick(random, [0, -0, 1, -1.5, 1e300, 5e-324, 2 ** 53, -(2 ** 31), 0.1, new JsonText("1E+2")]);
    if (kind === 4) return random.chance(0.2) ? nested(56, random.chance(0.5)) : [];
    if (kind === 5) return Array.from({ length: random.below(4) }, () => this.#anything(depth + 1));
    return record(Array.from({ length: random.below(4) }, () => this.#member(depth + 1)));
  }
}

/** An object with these members as its own, `__proto__` too. */
function record(entries: readonly (readonly [string, unknown])[]): object {
  return Object.fromEntries(entries);
}

/** RFC 3339, in its spellings. */
function makeInstant(random: Random): string {
  const edges = ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999Z", "2024-02-29T00:00:00Z", "1970-01-01T00:00:00Z"];
  if (random.chance(0.1)) return pick(random, edges);
  const text = new Date(1_700_000_000_000 + random.below(2 ** 31) * 100).toISOString();
  const ending = pick(random, ["Z", "Z", "z", "+02:00", "-23:59", "+00:00", "-00:00", "+05:45"]);
  const fraction = pick(random, ["", ".1", ".123", ".123456", ".999999999", ".000000000000000000001"]);
  const [date, time = ""] = text.split("T");
  return `${date}${random.chance(0.05) ? "t" : "T"}${time.slice(0, 8)}${fraction}${ending}`;
}

/** An address of everybody's kind; at times as long as it may be. */
function makeEmail(random: Random, maxLength: number): string {
  const local = `${pick(random, ["jane", "o'neil", "a.b+c", "用户", "ÜNAL", "x"])}${random.below(2 ** 32).toString(36)}`;
  const domain = pick(random, ["example.com", "sub.example.co", "bücher.example", "localhost"]);
  // One that is taken, but for the first time.
  const address = random.chance(0.05) ? "jane@example.com" : `${local}@${domain}`;
  return random.chance(0.1) ? "m".repeat(maxLength - [...address].length) + address : address;
}
