import type { Random } from "../random.ts";
import { type OpenApiDocument, type Operation, parametersOf } from "../rest/openapi-document.ts";
import { breakValue } from "./broken-values.ts";
import { ContractRules } from "./contract-rules.ts";
import { headerValue } from "./header-values.ts";
import { type IdStock, singular } from "./id-stock.ts";
import { toJsonText } from "./json-text.ts";
import { joinLines, lineSchemaOf, NDJSON } from "./lines.ts";
import { queryText, readQueryText } from "./parameter-text.ts";
import { BODY_LIMIT, type Expectation, type FuzzRequest } from "./request.ts";
import { type JsonSchema, SchemaJudge, VALID, type Verdict, worst } from "./schema-verdict.ts";
import { pick } from "./text.ts";
import { Values } from "./values.ts";

interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly required?: boolean;
  readonly schema: JsonSchema;
}

/** A part of a request, with what the document and the contract say of it. */
interface Part {
  readonly text: string;
  readonly verdict: Verdict;
}

/** Makes requests of a document's operations: paths, parameters and bodies that are right, or broken at one place. */
export class RequestMaker {
  readonly #random: Random;
  readonly #judge: SchemaJudge;
  readonly #rules: ContractRules;
  readonly #values: Values;
  readonly #document: OpenApiDocument;
  readonly #ids: IdStock;
  readonly #key: string;

  /** @param key the service key that is sent where one is needed */
  constructor(random: Random, document: OpenApiDocument, ids: IdStock, key: string) {
    this.#random = random;
    this.#judge = new SchemaJudge(document);
    this.#rules = new ContractRules(this.#judge);
    this.#values = new Values(random, this.#judge, ids);
    this.#document = document;
    this.#ids = ids;
    this.#key = key;
  }

  make(operation: Operation, isBroken: boolean): FuzzRequest {
    const parameters = parametersOf(this.#document, operation.operation);
    const content = operation.operation.requestBody?.content;
    const lineSchema = lineSchemaOf(content);
    const bodySchema = lineSchema ?? (content?.["application/json"]?.schema as JsonSchema | undefined);
    const placesToBreak = [
      ...parameters.map(({ name }) => name),
      ...(bodySchema === undefined ? [] : Array(4).fill(BODY)),
    ];
    const broken = isBroken && placesToBreak.length > 0 ? pick(this.#random, placesToBreak) : undefined;
    const of = (place: string) => parameters.filter((parameter) => parameter.in === place);
    const path = this.#path(operation.path, of("path"), broken);
    const query = this.#query(of("query"), broken, kindOfPath(operation.path));
    const headers = of("header").flatMap((parameter) => this.#header(parameter, broken));
    const body =
      bodySchema &&
      (lineSchema === undefined
        ? this.#body(operation, bodySchema, broken === BODY, path.text)
        : this.#lines(operation, lineSchema, broken === BODY));
    const verdicts = [path.verdict, query.verdict, ...headers.map(({ verdict }) => verdict)];
    if (body !== undefined) verdicts.push(body.verdict);
    const isTooLarge = body !== undefined && sizeOf(body.text, lineSchema !== undefined) > BODY_LIMIT;
    const needsKey = (operation.operation.security ?? [{}]).length > 0;
    return {
      kind: broken === undefined ? "valid" : broken === BODY ? "broken body" : "broken parameter",
      operation,
      isAimed: true,
      method: operation.method,
      target: path.text + query.text,
      version: " HTTP/1.1",
      headers: [
        "Host: localhost",
        ...(needsKey ? [`X-Flux-Service-Key: ${this.#key}`] : []),
        ...(body === undefined ? [] : [`Content-Type: ${lineSchema === undefined ? "application/json" : NDJSON}`]),
        ...headers.map(({ text }) => text),
      ],
      body: body === undefined ? undefined : Buffer.from(body.text),
      json: body?.json,
      framing: "length",
      expectation: isTooLarge
        ? { is: "refused", statuses: [400, 413], because: "a large body" }
        : expectationOf(worst(verdicts)),
    };
  }

  #value({ schema, name }: Parameter, kind: string, isBroken: boolean): unknown {
    const made = this.#values.make(schema, name, kind);
    // All that is before the body must stay below 16 KiB.
    const value = typeof made === "string" ? [...made].slice(0, MAX_PARAMETER).join("") : made;
    return isBroken ? breakValue(this.#random, this.#judge, schema, value) : value;
  }

  #judgeAll(schema: JsonSchema, value: unknown, isUpdate = false): Verdict {
    return worst([this.#judge.judge(schema, value), this.#rules.judge(schema, value, isUpdate)]);
  }

  #path(template: string, parameters: readonly Parameter[], broken: string | undefined): Part {
    const verdicts: Verdict[] = [];
    const segments = template.split("/").map((segment, index, all) => {
      const parameter = parameters.find(({ name }) => segment === `{${name}}`);
      if (parameter === undefined) return segment;
      // An empty segment would be another path.
      const value = queryText(this.#value(parameter, singular(all[index - 1] ?? ""), broken === parameter.name)) || "x";
      verdicts.push(this.#judgeAll(parameter.schema, value));
      return encode(value);
    });
    const path = segments.join("/").replace(/\/$/, "");
    return { text: this.#random.chance(0.5) ? path : `${path}/`, verdict: worst(verdicts) };
  }

  #query(parameters: readonly Parameter[], broken: string | undefined, kind: string): Part {
    const random = this.#random;
    const values: Record<string, unknown> = {};
    const pairs: string[] = [];
    // Of the three ways to page those names that do not go with the one that is taken.
    const style = pick(random, [/^(skip|limit|cursor)$/, /^(page|page_size|cursor)$/, /^(page|skip|limit)$/]);
    const verdicts: Verdict[] = [];
    for (const parameter of parameters) {
      const { name, schema, required = false } = parameter;
      const isBroken = broken === name;
      const isMixed = broken !== undefined && random.chance(0.1);
      if (!required && !isBroken && !random.chance(0.25)) continue;
      if (!isBroken && !isMixed && style.test(name)) continue;
      if (required && isBroken && random.chance(0.2)) continue;
      const cursor = name === "cursor" ? this.#cursor(parameter, kind, isBroken) : undefined;
      if (name === "cursor" && cursor === undefined) continue;
      const text = cursor?.text ?? queryText(this.#value(parameter, "", isBroken));
      if (cursor !== undefined) verdicts.push(cursor.verdict);
      values[name] = readQueryText(schema, text);
      pairs.push(`${name}=${encode(text)}`);
    }
    const properties = Object.fromEntries(parameters.map(({ name, schema }) => [name, schema]));
    const required = parameters.filter((parameter) => parameter.required).map(({ name }) => name);
    verdicts.push(this.#judgeAll({ type: "object", properties, required }, values));
    const isPaged = "page" in values || "page_size" in values;
    if (isPaged && ("skip" in values || "limit" in values)) {
      verdicts.push({ is: "invalid", because: "a mix of page numbers and skip or limit" });
    }
    if ("cursor" in values && ("page" in values || "skip" in values)) {
      verdicts.push({ is: "invalid", because: "a cursor beside page or skip" });
    }
    return { text: pairs.length === 0 ? "" : `?${pairs.join("&")}`, verdict: worst(verdicts) };
  }

  /** The cursor of a page that was answered, or none at all. */
  #cursor(parameter: Parameter, kind: string, isBroken: boolean): Part | undefined {
    const random = this.#random;
    const known = this.#ids.pickCursor(random, kind);
    if (!isBroken) return known === undefined ? undefined : { text: known, verdict: VALID };
    // One that was changed may be that of another row.
    if (known !== undefined && random.chance(0.3)) {
      return { text: misspelled(random, known), verdict: { is: "unclear", because: "a cursor that was changed" } };
    }
    const text = random.chance(0.5) ? pick(random, NO_CURSORS) : queryText(this.#value(parameter, "", true));
    return { text, verdict: this.#ids.isCursor(kind, text) ? VALID : { is: "invalid", because: "no cursor" } };
  }

  #header({ name, required = false, schema }: Parameter, broken: string | undefined): Part[] {
    const isBroken = broken === name;
    if (!required && !isBroken && !this.#random.chance(0.25)) return [];
    const { text, verdict } = headerValue(this.#random, this.#ids, name, isBroken);
    return [{ text: `${name}: ${text}`, verdict: worst([verdict, this.#judge.judge(schema, text)]) }];
  }

  #body({ method, path: template }: Operation, schema: JsonSchema, isBroken: boolean, path: string) {
    const value = this.#values.make(schema, "", kindOfPath(template));
    const sent = isBroken ? breakValue(this.#random, this.#judge, schema, value) : value;
    const text = sent === undefined ? "" : toJsonText(this.#random, sent);
    if (text === "") return { text, json: undefined, verdict: { is: "invalid", because: "no body" } satisfies Verdict };
    const json: unknown = JSON.parse(text);
    const verdicts = [this.#judgeAll(schema, json, method === "PATCH")];
    // The row that the path names.
    const name = /\{(\w+)\}/.exec(template)?.[1] ?? "";
    const id = path.split("/")[template.split("/").indexOf(`{${name}}`)] ?? "";
    if (name !== "" && this.#judge.schemaOf(schema).properties?.[name] !== undefined) {
      const own = typeof json === "object" && json !== null && Object.hasOwn(json, name) ? Reflect.get(json, name) : id;
      if (String(own).toLowerCase() !== id.toLowerCase()) {
        verdicts.push({ is: "invalid", because: `another ${name} than the path's` });
      }
    }
    return { text, json, verdict: worst(verdicts) };
  }

  /** Some lines, of which one is broken at one place if any is. */
  #lines({ path: template }: Operation, schema: JsonSchema, isBroken: boolean) {
    const random = this.#random;
    const make = () => this.#values.make(schema, "", kindOfPath(template));
    if (!isBroken && random.chance(0.003)) return this.#manyLines(schema, make());
    const values = Array.from({ length: isBroken ? 1 + random.below(3) : random.below(4) }, make);
    const at = isBroken ? random.below(values.length) : -1;
    const sent = values.map((value, index) => (index === at ? breakValue(random, this.#judge, schema, value) : value));
    const lines = sent.map((value) => (value === undefined ? "" : toJsonText(random, value, true)));
    const json = lines.filter((line) => line !== "").map((line): unknown => JSON.parse(line));
    const verdict = worst(json.map((value) => this.#judgeAll(schema, value)));
    return { text: joinLines(random, lines), json, verdict };
  }

  /** The same row very often, for which it must be none with an id of its own. */
  #manyLines(schema: JsonSchema, value: unknown) {
    const row: unknown = { ...Object(value), id: undefined };
    const text = JSON.stringify(row);
    const json: unknown = JSON.parse(text);
    return { text: `${text}\n`.repeat(MANY), json: Array(MANY).fill(json), verdict: this.#judgeAll(schema, json) };
  }
}

const BODY = "(body)";
/** More lines than a service is likely to work on at once. */
const MANY = 1_050;

/** What the rows of a path are: `/api/v1/tasks/import` is about each `task`. */
function kindOfPath(path: string): string {
  return singular(path.split("/")[3] ?? "");
}

/** Bytes of what the limit is for: the body, or its longest line. */
function sizeOf(text: string, isByLines: boolean): number {
  return Math.max(...(isByLines ? text.split("\n") : [text]).map((part) => Buffer.byteLength(part)));
}

/** Places that are none, the form of which the document does not tell. */
const NO_CURSORS: readonly string[] = [
  "next",
  "0",
  "-",
  "AAAA",
  ...[
    "2026-02-15 10:00:00+00",
    "2026-02-30 10:00:00+00 0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d6e",
    "0000-01-01 00:00:00+00 0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d6e",
    "999999-01-01 00:00:00+00 0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d6e",
    "2026-02-15 10:00:00+99 0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d6e",
    "2026-02-15 10:00:00+00 0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d6e'",
    "now 0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d6e",
    "2026-02-15 10:00:00+00 \u0000",
  ].map((place) => Buffer.from(place).toString("base64url")),
];

/** With a character more, less, or in another case. */
function misspelled(random: Random, cursor: string): string {
  const at = random.below(cursor.length);
  return pick(random, [
    `${cursor}A`,
    cursor.slice(1),
    cursor.slice(0, -1),
    cursor.toLowerCase(),
    `${cursor.slice(0, at)}${pick(random, ["A", "_", "z", "9"])}${cursor.slice(at + 1)}`,
  ]);
}
const MAX_PARAMETER = 255;

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
