import { type JsonSchema, type SchemaJudge, VALID, type Verdict, worst } from "./schema-verdict.ts";

/** Maximum nesting of a JSON column. */
const MAX_JSON_DEPTH = 64;

/**
 * Judges a value by the rules of the contract that JSON Schema cannot express. What they reject must be rejected; what both
 * the document and they accept must be accepted.
 */
export class ContractRules {
  readonly #judge: SchemaJudge;

  constructor(judge: SchemaJudge) {
    this.#judge = judge;
  }

  /** @param isUpdate whether omitted fields keep the row's values */
  judge(reference: JsonSchema, value: unknown, isUpdate: boolean): Verdict {
    const schema = this.#judge.schemaOf(reference);
    if (schema.anyOf !== undefined) return worst(schema.anyOf.map((part) => this.judge(part, value, isUpdate)));
    if (isJsonColumn(schema)) return judgeJson(value, 0);
    if (typeof value === "string") return worst([judgeText(value), judgeInstant(schema, value)]);
    if (typeof value === "number" && !Number.isFinite(value)) return refused("a number that is too large for a double");
    const { items } = schema;
    if (Array.isArray(value)) {
      return items === undefined ? VALID : worst(value.map((item) => this.judge(items, item, isUpdate)));
    }
    if (typeof value !== "object" || value === null) return VALID;
    const members = Object.entries(schema.properties ?? {})
      .filter(([name]) => Object.hasOwn(value, name))
      .map(([name, property]) => this.judge(property, Reflect.get(value, name), isUpdate || name === UPDATES));
    return worst([...members, judgeSpan(schema, value, isUpdate), judgeUpdates(value)]);
  }
}

/** Judges the parameters of a query together. */
export function judgeQuery(values: Readonly<Record<string, unknown>>): Verdict {
  const has = (...names: string[]) => names.some((name) => name in values);
  if (has("page", "page_size") && has("skip", "limit")) return refused("a mix of page numbers and skip or limit");
  if (has("cursor") && has("page", "skip")) return refused("a cursor beside page or skip");
  const { is_null: nulls = [] } = values;
  const isTwofold = (name: unknown) => has(`${name}`, `${name}_from`, `${name}_before`);
  if (Array.isArray(nulls) && nulls.some(isTwofold)) return refused("is_null beside a filter on the same field");
  const isEmpty = ([from, before]: readonly [string, string]) => placeOf(values[from]) >= placeOf(values[before]);
  return rangesOf(values).some(isEmpty) ? refused("a range that ends where it begins, or before") : VALID;
}

/** The names of the two ends of each range. */
export function rangesOf(values: Readonly<Record<string, unknown>>): (readonly [from: string, before: string])[] {
  return Object.keys(values)
    .filter((name) => name.endsWith("_from"))
    .map((from) => [from, from.replace(/from$/, "before")] as const);
}

/** Where an end of a range is; `NaN` if it is none. */
export function placeOf(value: unknown): number {
  return typeof value === "number" ? value : milliseconds(value);
}

function refused(because: string): Verdict {
  return { is: "invalid", because };
}

/** "Free text may hold any Unicode but NUL and unpaired surrogates … in JSON values too." */
function judgeText(text: string): Verdict {
  if (text.includes("\u0000")) return refused("a NUL");
  return text.isWellFormed() ? VALID : refused("an unpaired surrogate");
}

/** Instants are in the years 0001 to 9999, in UTC. */
function judgeInstant({ format }: JsonSchema, text: string): Verdict {
  if (format !== "date-time") return VALID;
  const instant = instantOf(text);
  if (Number.isNaN(instant)) return VALID;
  const isStorable = instant >= Date.parse("0001-01-01T00:00:00Z") && instant <= Date.parse("9999-12-31T23:59:59.999Z");
  return isStorable ? VALID : refused("an instant beyond the years 0001 to 9999");
}

function instantOf(value: unknown): number {
  return typeof value === "string" ? Date.parse(value.toUpperCase().replace(" ", "T")) : Number.NaN;
}

/** A schema that accepts any value: `preferences`, `messages`. */
function isJsonColumn({ type, properties, additionalProperties, items }: JsonSchema): boolean {
  if (type === "object") return properties === undefined && additionalProperties === true;
  return type === "array" && items !== undefined && Object.keys(items).length === 0;
}

/** From 1e21 on JavaScript writes an exponent, as for a float. */
function isExact(number: number): boolean {
  return Math.abs(number) <= 2 ** 53 || (Math.abs(number) >= 1e21 && Number.isFinite(number));
}

/** "A JSON value nests at most 64 deep." */
function judgeJson(value: unknown, depth: number): Verdict {
  if (typeof value === "string") return judgeText(value);
  if (typeof value === "number" && !isExact(value)) return refused("a number that no double holds exactly");
  if (typeof value !== "object" || value === null) return VALID;
  if (depth >= MAX_JSON_DEPTH) return refused("JSON that nests too deep");
  for (const [key, member] of Object.entries(value)) {
    const verdict = worst([judgeText(key), judgeJson(member, depth + 1)]);
    if (verdict.is !== "valid") return verdict;
  }
  return VALID;
}

/** Bulk updates. */
const UPDATES = "updates";

/** "One change for each task." */
function judgeUpdates(value: object): Verdict {
  const updates: unknown = Object.hasOwn(value, UPDATES) ? Reflect.get(value, UPDATES) : undefined;
  if (!Array.isArray(updates)) return VALID;
  const ids = updates.map((update: unknown) => String(Reflect.get(Object(update), "id")).toLowerCase());
  return new Set(ids).size === ids.length ? VALID : refused("two changes of one row");
}

const SPANS = [
  ["start_time", "end_time"],
  ["start_date", "end_date"],
] as const;

/** "`end_time` ≥ `start_time`", also for the row that results from an update; and a range that starts after its end. */
function judgeSpan({ properties = {} }: JsonSchema, value: object, isUpdate: boolean): Verdict {
  for (const [from, to] of SPANS) {
    if (!(from in properties && to in properties)) continue;
    const [start, end] = [from, to].map((name) => (Object.hasOwn(value, name) ? Reflect.get(value, name) : undefined));
    if (milliseconds(end) < milliseconds(start)) return refused("an end before its start");
    const isHalf = (start === undefined) !== (end === undefined);
    if (isUpdate && isHalf) return { is: "unclear", because: "the other end of the span is the row's" };
  }
  return VALID;
}

/** Digits below the millisecond are truncated. */
function milliseconds(value: unknown): number {
  return Math.floor(instantOf(value));
}
