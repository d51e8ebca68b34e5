import fc from "fast-check";
import { type OpenApiDocument, type Operation, parametersOf } from "../../rest/openapi-document.ts";
import { ContractRules } from "../contract-rules.ts";
import { JsonText, KEPT, type KnownIds, Reference, resolve, singular } from "../known-ids.ts";
import { lineSchemaOf, NDJSON } from "../lines.ts";
import { BODY_LIMIT, type Expectation, type FuzzRequest } from "../request.ts";
import { type JsonSchema, SchemaJudge, VALID, type Verdict, worst } from "../schema-verdict.ts";
import { BrokenValues } from "./broken-values.ts";
import { headerValue } from "./headers.ts";
import { type Spelling, spelling, toJsonText } from "./json-text.ts";
import { butRarely, oneIn, type Value, Values } from "./values.ts";

/** A request that depends on what the service returned until it is sent. */
export type Draft<Made = FuzzRequest> = (known: KnownIds) => Made;

interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly required?: boolean;
  readonly schema: JsonSchema;
}

/** Requests of a document's operations: paths, parameters and bodies that are right, or broken at one place. */
export class Requests {
  readonly #document: OpenApiDocument;
  readonly #key: string;
  readonly #judge: SchemaJudge;
  readonly #rules: ContractRules;
  readonly #values: Values;
  readonly #broken: BrokenValues;

  /** @param key the service key that is sent where one is needed */
  constructor(document: OpenApiDocument, key: string) {
    this.#document = document;
    this.#key = key;
    this.#judge = new SchemaJudge(document);
    this.#rules = new ContractRules(this.#judge);
    this.#values = new Values(this.#judge);
    this.#broken = new BrokenValues(this.#judge, this.#values);
  }

  valid(operation: Operation): fc.Arbitrary<Draft> {
    return this.#draft(operation, undefined);
  }

  /** Broken at one place, where the operation takes anything. */
  broken(operation: Operation): fc.Arbitrary<Draft> {
    const parameters = parametersOf(this.#document, operation.operation);
    const drafts = parameters.map(({ name }) => ({ weight: 1, arbitrary: this.#draft(operation, name) }));
    if (operation.operation.requestBody !== undefined) {
      drafts.push({ weight: 4, arbitrary: this.#draft(operation, BODY) });
    }
    return drafts.length === 0 ? this.valid(operation) : fc.oneof(...drafts);
  }

  #draft(operation: Operation, broken: string | undefined): fc.Arbitrary<Draft> {
    const kind = kindOfPath(operation.path);
    const segments = operation.path.split("/");
    const parameters: readonly Parameter[] = parametersOf(this.#document, operation.operation);
    const bodySchema = this.#bodySchemaOf(operation);
    const fields = parameters.map((parameter): [string, Value] => {
      const { name, required } = parameter;
      const rowsOfPath = singular(segments[segments.indexOf(`{${name}}`) - 1] ?? "");
      const value = this.#parameter(parameter, parameter.in === "path" ? rowsOfPath : kind, name === broken);
      if (required) return [name, broken === name && parameter.in !== "path" ? butRarely(value, 5, absent) : value];
      return [name, broken === name ? value : fc.oneof({ weight: 3, arbitrary: absent }, { weight: 1, arbitrary: value })];
    });
    return fc
      .record({
        values: fc.record(Object.fromEntries(fields)),
        slash: fc.constantFrom("", "/"),
        // Of the three ways to page what does not go with the one that is taken is left out.
        leftOut: broken === undefined ? fc.constantFrom(...STYLES) : butRarely(fc.constantFrom(...STYLES), 10, fc.constant(/^$/)),
        body: bodySchema === undefined ? absent : this.#body(bodySchema, kind, broken === BODY),
      })
      .map((parts) => (known) => this.#request(operation, parameters, broken, resolve(parts, known), known));
  }
/** What the rows of a path are: `/api/v1/tasks/import` is about each `task`. */
function kindOfPath(path: string): string {
  return singular(path.split("/")[3] ?? "");
}

/** A value as a path or a query string has it (OpenAPI's style `simple` and `form`): as text, without quotes. */
function parameterText(value: unknown): string {
  if (typeof value === "string") return value;
  return value instanceof JsonText ? value.text : JSON.stringify(value);
}

/** What a text in a query string is by its schema: a number only in the one spelling that JSON has for it. */
function readParameter({ type }: JsonSchema, text: string): unknown {
  if (type === "boolean" && (text === "true" || text === "false")) return text === "true";
  if ((type === "integer" || type === "number") && /^(?:0|-?[1-9]\d*)$/.test(text)) return Number(text);
  return text;
}

/** Bytes of what the limit is for: the body, or its longest line. */
function sizeOf(text: string, isByLines: boolean): number {
  return Math.max(...(isByLines ? text.split("\n") : [text]).map((part) => Buffer.byteLength(part)));
}

/** Places that are none, the form of which the document does not tell. */
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

/** With a character more, less, in another case, or another one. */
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

function expectationOf({ is, because }: Verdict): Expectation {
  if (is === "valid") return { is: "taken", because };
  return is === "unclear" ? { is: "either", because } : { is: "refused", statuses: [400], because };
}

/** Percent-encoded UTF-8; of an unpaired surrogate the three bytes that it would have, which are no UTF-8. */
function encode(text: string): string {
  return [...text]
    .map((point) => {
      if (point.isWellFormed()) return encodeURIComponent(point);
      const unit = point.charCodeAt(0);
      const bytes = [0xe0 | (unit >> 12), 0x80 | ((unit >> 6) & 0x3f), 0x80 | (unit & 0x3f)];
      return bytes.map((byte) => `%${byte.toString(16).toUpperCase()}`).join("");
    })
    .join("");
}
