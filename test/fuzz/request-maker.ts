import type { Random } from "../random.ts";
import { type OpenApiDocument, type Operation, parametersOf } from "../rest/openapi-document.ts";
import { breakValue } from "./broken-values.ts";
import { ContractRules } from "./contract-rules.ts";
import { headerValue } from "./header-values.ts";
import { type IdStock, singular } from "./id-stock.ts";
import { toJsonText } from "./json-text.ts";
import { queryText, readQueryText } from "./parameter-text.ts";
import { BODY_LIMIT, type Expectation, type FuzzRequest } from "./request.ts";
import { type JsonSchema, SchemaJudge, type Verdict, worst } from "./schema-verdict.ts";
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
    const bodySchema = operation.operation.requestBody?.content["application/json"]?.schema as JsonSchema | undefined;
    const placesToBreak = [
      ...parameters.map(({ name }) => name),
      ...(bodySchema === undefined ? [] : Array(4).fill(BODY)),
    ];
    const broken = isBroken && placesToBreak.length > 0 ? pick(this.#random, placesToBreak) : undefined;
    const of = (place: string) => parameters.filter((parameter) => parameter.in === place);
    const path = this.#path(operation.path, of("path"), broken);
    const query = this.#query(of("query"), broken);
    const headers = of("header").flatMap((parameter) => this.#header(parameter, broken));
    const body = bodySchema && this.#body(operation, bodySchema, broken === BODY, path.text);
    const verdicts = [path.verdict, query.verdict, ...headers.map(({ verdict }) => verdict)];
    if (body !== undefined) verdicts.push(body.verdict);
    const isTooLarge = body !== undefined && Buffer.byteLength(body.text) > BODY_LIMIT;
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
        ...(body === undefined ? [] : ["Content-Type: application/json"]),
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

  #query(parameters: readonly Parameter[], broken: string | undefined): Part {
    const random = this.#random;
    const values: Record<string, unknown> = {};
    const pairs: string[] = [];
    const style = random.chance(0.5) ? /^(skip|limit)$/ : /^(page|page_size)$/;
    for (const parameter of parameters) {
      const { name, schema, required = false } = parameter;
      const isBroken = broken === name;
      const isMixed = broken !== undefined && random.chance(0.1);
      if (!required && !isBroken && !random.chance(0.25)) continue;
      if (!isBroken && !isMixed && style.test(name)) continue;
      if (required && isBroken && random.chance(0.2)) continue;
      const text = queryText(this.#value(parameter, "", isBroken));
      values[name] = readQueryText(schema, text);
      pairs.push(`${name}=${encode(text)}`);
    }
    const properties = Object.fromEntries(parameters.map(({ name, schema }) => [name, schema]));
    const required = parameters.filter((parameter) => parameter.required).map(({ name }) => name);
    const verdicts = [this.#judgeAll({ type: "object", properties, required }, values)];
    const isPaged = "page" in values || "page_size" in values;
    if (isPaged && ("skip" in values || "limit" in values)) {
      verdicts.push({ is: "invalid", because: "a mix of page numbers and skip or limit" });
    }
    return { text: pairs.length === 0 ? "" : `?${pairs.join("&")}`, verdict: worst(verdicts) };
  }

  #header({ name, required = false, schema }: Parameter, broken: string | undefined): Part[] {
    const isBroken = broken === name;
    if (!required && !isBroken && !this.#random.chance(0.25)) return [];
    const { text, verdict } = headerValue(this.#random, this.#ids, name, isBroken);
    return [{ text: `${name}: ${text}`, verdict: worst([verdict, this.#judge.judge(schema, text)]) }];
  }

  #body({ method, path: template }: Operation, schema: JsonSchema, isBroken: boolean, path: string) {
    const value = this.#values.make(schema);
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
}

const BODY = "(body)";
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
