import fc from "fast-check";
import { type OpenApiDocument, type Operation, parametersOf } from "../../rest/openapi-document.ts";
import { ContractRules, judgeQuery, placeOf, rangesOf } from "../contract-rules.ts";
import { JsonText, type KnownIds, resolve, singular } from "../known-ids.ts";
import { lineSchemaOf, NDJSON, takesLines } from "../lines.ts";
import { BODY_LIMIT, type Expectation, type FuzzRequest } from "../request.ts";
import { type JsonSchema, SchemaJudge, type Verdict, worst } from "../schema-verdict.ts";
import { BrokenValues } from "./broken-values.ts";
import { brokenCursor, judgeCursor, knownCursor, orderOf } from "./cursors.ts";
import { headerValue } from "./headers.ts";
import { type Spelling, spelling, toJsonText } from "./json-text.ts";
import { butRarely, type Value, Values } from "./values.ts";

/** A request that depends on what the service has returned before it is sent. */
export type Draft<Made = FuzzRequest> = (known: KnownIds) => Made;

type Parameter = ReturnType<typeof parametersOf>[number] & { readonly schema: JsonSchema };
/** A parameter of the request, as text; one of several values is repeated. */
type Given = Parameter & { readonly text: string; readonly texts: readonly string[] };

/** A JSON text of a body, and the white space around it. */
interface Piece {
  readonly before: string;
  readonly value: unknown;
  readonly after: string;
}

interface Body {
  readonly pieces: readonly Piece[];
  readonly spelling: Spelling;
  readonly isEnded: boolean;
}

/** The parts of a request. */
interface Parts {
  /** Values of the parameters, by name; `undefined` for an omitted one. */
  readonly values: Readonly<Record<string, unknown>>;
  /** Names of further omitted parameters, unless they are the broken one. */
  readonly leftOut: readonly string[];
  readonly slash: string;
  readonly body: Body | undefined;
}

/** Stands for the body among the names of parameters. */
const BODY = "(body)";
/** Code points of a valid parameter: everything before the body must stay below 16 KiB. */
const MAX_PARAMETER = 255;
/** More lines than a service is likely to write in one batch. */
const MANY_LINES = 1_050;
/** The parameters that exclude each of the three ways to page. */
const OTHER_PAGING = [
  ["skip", "limit", "cursor"],
  ["page", "page_size", "cursor"],
  ["page", "skip", "limit"],
];
const BROKEN_HEADER: Verdict = { is: "invalid", because: "a header that breaks its grammar" };
const TWO_PRECONDITIONS: Verdict = { is: "invalid", because: "If-Match beside If-None-Match, which creates the row" };

const absent = fc.constant(undefined);
const blankLine = butRarely(fc.constant(""), 10, fc.constantFrom("\n", " \n", "\t\n", "\r\n", " \t \r\n"));
const lineEnd = butRarely(fc.constant("\n"), 10, fc.constant("\r\n"));

/** The schema of a batch does not say which paths there are. These have short results: goals and milestones can be too long for one. */
const batches: Value = fc
  .array(
    fc.record({
      method: fc.constant("GET"),
      path: fc.constantFrom(
        ...["goals/count", "milestones/count", "tasks/?page_size=1"].map((rest) => `/api/v1/${rest}`),
      ),
    }),
    { minLength: 1, maxLength: 5 },
  )
  .map((operations) => ({ operations }));

/** Requests for the operations of a document, with paths, parameters and bodies that are valid, or broken in one place. */
export class Requests {
  readonly #document: OpenApiDocument;
  readonly #key: string;
  readonly #judge: SchemaJudge;
  readonly #rules: ContractRules;
  readonly #values: Values;
  readonly #broken: BrokenValues;

  /** @param key the service key, sent where one is needed */
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

  /** Broken in one place, if the operation has parameters or a body. */
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
    const fields = parameters.map((parameter): [string, Value] => {
      const { name, in: place, required = false } = parameter;
      const isBroken = name === broken;
      const rowsOfPath = singular(segments[segments.indexOf(`{${name}}`) - 1] ?? "");
      const value = this.#parameter(parameter, place === "path" ? rowsOfPath : kind, isBroken);
      if (required) return [name, isBroken && place === "query" ? butRarely<unknown>(value, 5, absent) : value];
      return [name, isBroken ? value : butRarely<unknown>(absent, 4, value)];
    });
    const leftOut = fc.constantFrom(...OTHER_PAGING);
    const parts = fc.record({
      values: fc.record(Object.fromEntries(fields)),
      leftOut: broken === undefined ? leftOut : butRarely(leftOut, 10, fc.constant<string[]>([])),
      slash: fc.constantFrom("", "/"),
      body: this.#body(operation, broken === BODY),
    });
    return parts.map((parts) => {
      const draft = { ...parts, values: arranged(parts.values, broken) };
      return (known) => this.#request(operation, broken, resolve(draft, known), known);
    });
  }

  #parameter({ name, schema, in: place }: Parameter, kind: string, isBroken: boolean): Value {
    if (place === "header") return headerValue(name, schema, isBroken);
    // A response that waits longer only takes longer.
    if (name === "wait" && !isBroken) return fc.constantFrom(0, 1);
    const value = (isBroken ? this.#broken : this.#values).of(schema, name, kind);
    if (name === "cursor") return isBroken ? brokenCursor(kind, value) : knownCursor(kind);
    const cut = (valid: unknown): unknown =>
      typeof valid === "string"
        ? [...valid].slice(0, MAX_PARAMETER).join("")
        : Array.isArray(valid)
          ? valid.map(cut)
          : valid;
    return isBroken ? value : value.map(cut);
  }

  /** A JSON body, or NDJSON in which at most one line is broken. */
  #body(operation: Operation, isBroken: boolean): fc.Arbitrary<Body | undefined> {
    const schema = bodySchemaOf(operation);
    if (schema === undefined) return absent;
    const kind = kindOfPath(operation.path);
    const valid = operation.path.endsWith("/batch") ? batches : this.#values.of(schema, "", kind);
    const value = isBroken ? this.#broken.of(schema, "", kind) : valid;
    if (!takesLines(operation.operation)) {
      const pieces = value.map((value) => [{ before: "", value, after: "" }]);
      return fc.record({ pieces, spelling, isEnded: fc.constant(true) });
    }
    const line = (value: Value) => fc.record({ before: blankLine, value, after: lineEnd });
    const others = fc.array(line(valid), { maxLength: isBroken ? 2 : 3 });
    // Without an id of its own, the same row can be repeated.
    const newRow = valid.map((row) => ({ ...Object(row), id: undefined }));
    const pieces = isBroken
      ? fc.tuple(others, line(value), fc.nat({ max: 2 })).map(([lines, broken, at]) => lines.toSpliced(at, 0, broken))
      : butRarely(
          others,
          300,
          line(newRow).map((piece) => Array.from({ length: MANY_LINES }, () => piece)),
        );
    const inOneLine = spelling.map((spelling) => ({ ...spelling, blank: spelling.blank.replace("\n", "") }));
    return fc.record({ pieces, spelling: inOneLine, isEnded: fc.constantFrom(true, true, false) });
  }

  #request(operation: Operation, broken: string | undefined, parts: Parts, known: KnownIds): FuzzRequest {
    const { method, path: template } = operation;
    const { values, leftOut, slash } = parts;
    const parameters: readonly Parameter[] = parametersOf(this.#document, operation.operation);
    const given = parameters
      .filter(({ name }) => values[name] !== undefined && (name === broken || !leftOut.includes(name)))
      .map((parameter): Given => {
        const texts = parameterTexts(parameter.schema, values[parameter.name]);
        // An empty segment would be another path.
        return { ...parameter, texts, text: texts[0] || (parameter.in === "path" ? "x" : "") };
      })
      .filter(({ texts }) => texts.length > 0);
    const of = (place: string) => given.filter((parameter) => parameter.in === place);
    const [path, query, headers] = [of("path"), of("query"), of("header")];
    const target = path.reduce(
      (target, { name, text }) => target.replace(`{${name}}`, () => encode(text)),
      template.replace(/\/$/, ""),
    );
    const pairs = query.flatMap(({ name, texts }) => texts.map((text) => `${name}=${encode(text)}`));
    const body = parts.body && written(parts.body);
    const isByLines = takesLines(operation.operation);
    const isTooLarge = body !== undefined && sizeOf(body.text, isByLines) > BODY_LIMIT;
    const verdict = worst([
      ...path.map(({ schema, text }) => this.#judgeAll(schema, text)),
      ...this.#judgeQuery(
        parameters.filter((one) => one.in === "query"),
        query,
      ),
      ...query
        .filter(({ name }) => name === "cursor")
        .map(({ text }) => judgeCursor(text, kindOfPath(template), orderOf(values["sort"]), known)),
      ...headers.map(({ name, schema, text }) => (name === broken ? BROKEN_HEADER : this.#judge.judge(schema, text))),
      ...(method === "PUT" && headers.length > 1 ? [TWO_PRECONDITIONS] : []),
      ...(body?.json ?? []).map((json) => this.#judgeBody(operation, json, path)),
    ]);
    const needsKey = (operation.operation.security ?? [{}]).length > 0;
    return {
      kind: broken === undefined ? "valid" : broken === BODY ? "broken body" : "broken parameter",
      operation,
      isAimed: true,
      method,
      target: target + slash + (pairs.length === 0 ? "" : `?${pairs.join("&")}`),
      version: " HTTP/1.1",
      headers: [
        "Host: localhost",
        ...(needsKey ? [`X-Flux-Service-Key: ${this.#key}`] : []),
        ...(body === undefined ? [] : [`Content-Type: ${isByLines ? NDJSON : "application/json"}`]),
        ...headers.map(({ name, text }) => `${name}: ${text}`),
      ],
      body: body && Buffer.from(body.text),
      json: isByLines ? body?.json : body?.json[0],
      framing: "length",
      expectation: isTooLarge
        ? { is: "refused", statuses: [400, 413], because: "a large body" }
        : expectationOf(verdict),
    };
  }

  #judgeAll(schema: JsonSchema, value: unknown, isUpdate = false): Verdict {
    return worst([this.#judge.judge(schema, value), this.#rules.judge(schema, value, isUpdate)]);
  }

  #judgeQuery(parameters: readonly Parameter[], given: readonly Given[]): Verdict[] {
    const properties = Object.fromEntries(parameters.map(({ name, schema }) => [name, schema]));
    const required = parameters.filter((parameter) => parameter.required).map(({ name }) => name);
    const values = Object.fromEntries(given.map(({ name, schema, texts }) => [name, readParameter(schema, texts)]));
    return [this.#judgeAll({ type: "object", properties, required }, values), judgeQuery(values)];
  }

  #judgeBody(operation: Operation, json: unknown, [row]: readonly Given[]): Verdict {
    const schema = bodySchemaOf(operation) ?? {};
    const verdict = this.#judgeAll(schema, json, operation.method === "PATCH");
    // The body may repeat the id in the path, and no other one.
    const isNamed = row !== undefined && this.#judge.schemaOf(schema).properties?.[row.name] !== undefined;
    if (!isNamed || typeof json !== "object" || json === null || !Object.hasOwn(json, row.name)) return verdict;
    const isSame = String(Reflect.get(json, row.name)).toLowerCase() === row.text.toLowerCase();
    return isSame ? verdict : worst([verdict, { is: "invalid", because: `another ${row.name} than the path's` }]);
  }
}

/** With a cursor of the order that is asked for, and with the ends of ranges in order, unless one is the broken one. */
function arranged(values: Parts["values"], broken: string | undefined): Parts["values"] {
  const { cursor } = values;
  const arranged = { ...values, ...(typeof cursor === "function" && { cursor: cursor(orderOf(values["sort"])) }) };
  for (const [from, before] of rangesOf(values)) {
    if (broken === from || broken === before || !(placeOf(values[from]) > placeOf(values[before]))) continue;
    Object.assign(arranged, { [from]: values[before], [before]: values[from] });
  }
  return arranged;
}

function bodySchemaOf({ operation }: Operation): JsonSchema | undefined {
  const content = operation.requestBody?.content;
  return lineSchemaOf(content) ?? content?.["application/json"]?.schema;
}

/** The text of a body, and the values that JSON.parse returns for it. */
function written({ pieces, spelling, isEnded }: Body): { readonly text: string; readonly json: readonly unknown[] } {
  const texts = pieces.map(({ value }) => toJsonText(value, spelling));
  const text = pieces.map(({ before, after }, index) => before + texts[index] + after).join("");
  return { text: isEnded ? text : text.replace(/\r?\n$/, ""), json: texts.map((text): unknown => JSON.parse(text)) };
}

/** The kind of rows that a path is about: `/api/v1/tasks/import` is about each `task`. */
function kindOfPath(path: string): string {
  return singular(path.split("/")[3] ?? "");
}

/** A value as written in a path or a query string (OpenAPI's styles `simple` and `form`): as text, without quotes. */
function parameterText(value: unknown): string {
  if (typeof value === "string") return value;
  return value instanceof JsonText ? value.text : JSON.stringify(value);
}

/** The texts of a parameter: those of a list's items, if it may have several values. */
function parameterTexts({ type }: JsonSchema, value: unknown): readonly string[] {
  return type === "array" && Array.isArray(value) ? value.map(parameterText) : [parameterText(value)];
}

/** The value of a parameter's texts in a query string by its schema. */
function readParameter(schema: JsonSchema, texts: readonly string[]): unknown {
  if (schema.type !== "array") return readText(schema, texts[0] ?? "");
  return texts.map((text) => readText(schema.items ?? {}, text));
}

/** A number only in JSON's one spelling. */
function readText({ type }: JsonSchema, text: string): unknown {
  if (type === "boolean" && (text === "true" || text === "false")) return text === "true";
  if ((type === "integer" || type === "number") && /^(?:0|-?[1-9]\d*)$/.test(text)) return Number(text);
  return text;
}

/** Bytes to compare with the limit: of the body, or of its longest line. */
function sizeOf(text: string, isByLines: boolean): number {
  return Math.max(...(isByLines ? text.split("\n") : [text]).map((part) => Buffer.byteLength(part)));
}

function expectationOf({ is, because }: Verdict): Expectation {
  if (is === "valid") return { is: "taken", because };
  return is === "unclear" ? { is: "either", because } : { is: "refused", statuses: [400], because };
}

/** Percent-encoded UTF-8; for an unpaired surrogate the three bytes that it would have, which are not valid UTF-8. */
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
