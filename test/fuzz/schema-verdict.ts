import { type OpenApiDocument, resolve } from "../rest/openapi-document.ts";
import { type Certainty, formatCertainty } from "./formats.ts";

/** The part of JSON Schema 2020-12 that the document uses. */
export interface JsonSchema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly JsonSchema[];
  readonly allOf?: readonly JsonSchema[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | JsonSchema;
  readonly items?: JsonSchema;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
  readonly format?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  /** The schema of each line of NDJSON. */
  readonly contentSchema?: JsonSchema;
}

/** Keywords without an effect on validity. */
const ANNOTATIONS = new Set(
  "default description title example examples deprecated contentMediaType contentSchema".split(" "),
);
const KEYWORDS = new Set(
  "$ref type enum const anyOf allOf properties required additionalProperties items minItems maxItems minLength maxLength pattern format minimum maximum exclusiveMinimum".split(
    " ",
  ),
);

/** Whether a value is valid, and why if that is not certain. */
export interface Verdict {
  readonly is: Certainty;
  readonly because: string;
}

export const VALID: Verdict = { is: "valid", because: "by the document" };

/**
 * Judges values by a document's schemas, exactly: unlike most validators it counts lengths in code points, and checks formats
 * by their standards. An unknown keyword is an error, not a pass.
 */
export class SchemaJudge {
  readonly #document: OpenApiDocument;
  readonly #isClosed: boolean;

  /** @param options.isClosed whether properties that a schema does not name are invalid, as with additionalProperties: false */
  constructor(document: OpenApiDocument, { isClosed = false } = {}) {
    this.#document = document;
    this.#isClosed = isClosed;
  }

  /** The schema itself, with its reference resolved. */
  schemaOf(schema: JsonSchema): JsonSchema {
    if (schema.$ref === undefined) return schema;
    return this.schemaOf(resolve(this.#document, schema.$ref) as JsonSchema);
  }

  judge(reference: JsonSchema, value: unknown, path = ""): Verdict {
    const schema = this.schemaOf(reference);
    for (const keyword of Object.keys(schema)) {
      if (!KEYWORDS.has(keyword) && !ANNOTATIONS.has(keyword))
        throw new Error(`There is no rule for the keyword ${keyword}.`);
    }
    const invalid = (because: string): Verdict => ({ is: "invalid", because: `${path || "it"} ${because}` });
    if (schema.type !== undefined && ![schema.type].flat().some((type) => isOfType(type, value))) {
      return invalid(`is no ${schema.type}`);
    }
    if (schema.enum !== undefined && !schema.enum.includes(value)) return invalid("is not in the enum");
    if (schema.const !== undefined && schema.const !== value) return invalid("is not the constant");
    const verdicts = (schema.allOf ?? []).map((part) => this.judge(part, value, path));
    if (schema.anyOf !== undefined) verdicts.push(best(schema.anyOf.map((part) => this.judge(part, value, path))));
    if (typeof value === "string") verdicts.push(judgeText(schema, value, invalid));
    else if (typeof value === "number") verdicts.push(judgeNumber(schema, value, invalid));
    else if (Array.isArray(value)) verdicts.push(this.#judgeList(schema, value, path, invalid));
    else if (typeof value === "object" && value !== null)
      verdicts.push(this.#judgeObject(schema, value, path, invalid));
    return worst(verdicts);
  }

  #judgeList(schema: JsonSchema, value: readonly unknown[], path: string, invalid: Invalid): Verdict {
    if (value.length < (schema.minItems ?? 0)) return invalid("has too few items");
    if (value.length > (schema.maxItems ?? Number.POSITIVE_INFINITY)) return invalid("has too many items");
    const { items } = schema;
    return items === undefined ? VALID : worst(value.map((item, index) => this.judge(items, item, `${path}.${index}`)));
  }

  #judgeObject(schema: JsonSchema, value: object, path: string, invalid: Invalid): Verdict {
    const verdicts: Verdict[] = [];
    for (const name of schema.required ?? []) {
      if (!Object.hasOwn(value, name)) verdicts.push(invalid(`lacks ${name}`));
    }
    const { properties = {}, additionalProperties = !(this.#isClosed && schema.properties !== undefined) } = schema;
    for (const [name, member] of Object.entries(value)) {
      const property = Object.hasOwn(properties, name) ? properties[name] : additionalProperties;
      if (property === false) verdicts.push(invalid(`has an unknown ${name}`));
      else if (typeof property === "object") verdicts.push(this.judge(property, member, `${path}.${name}`));
    }
    return worst(verdicts);
  }
}

type Invalid = (because: string) => Verdict;

function isOfType(type: string, value: unknown): boolean {
  switch (type) {
    case "null":
      return value === null;
    case "array":
      return Array.isArray(value);
    case "object":
      return typeof value === "object" && value !== null && !Array.isArray(value);
    case "integer":
      return Number.isInteger(value);
    default:
      return typeof value === type;
  }
}

function judgeText(schema: JsonSchema, value: string, invalid: Invalid): Verdict {
  const length = [...value].length;
  if (length < (schema.minLength ?? 0)) return invalid("is too short");
  if (length > (schema.maxLength ?? Number.POSITIVE_INFINITY)) return invalid("is too long");
  if (schema.pattern !== undefined && !new RegExp(schema.pattern, "u").test(value))
    return invalid("breaks the pattern");
  if (schema.format === undefined) return VALID;
  const is = formatCertainty(schema.format, value);
  return is === "valid" ? VALID : { ...invalid(`is no ${schema.format}`), is };
}

function judgeNumber(schema: JsonSchema, value: number, invalid: Invalid): Verdict {
  if (value < (schema.minimum ?? Number.NEGATIVE_INFINITY)) return invalid("is too small");
  if (value <= (schema.exclusiveMinimum ?? Number.NEGATIVE_INFINITY)) return invalid("is too small");
  if (value > (schema.maximum ?? Number.POSITIVE_INFINITY)) return invalid("is too large");
  return VALID;
}

const SEVERITY: readonly Certainty[] = ["valid", "unclear", "invalid"];

/** The conjunction of all verdicts. */
export function worst(verdicts: readonly Verdict[]): Verdict {
  return verdicts.reduce((a, b) => (SEVERITY.indexOf(b.is) > SEVERITY.indexOf(a.is) ? b : a), VALID);
}

function best(verdicts: readonly Verdict[]): Verdict {
  return verdicts.reduce((a, b) => (SEVERITY.indexOf(b.is) < SEVERITY.indexOf(a.is) ? b : a));
}
