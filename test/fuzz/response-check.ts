import { type OpenApiDocument, type ResponseObject, requiredHeaders } from "../rest/openapi-document.ts";
import { SchemaCheck } from "../rest/schema-check.ts";
import { differenceOf } from "./echo.ts";
import { formatCertainty } from "./formats.ts";
import type { HttpResponse } from "./http-response.ts";
import { leakIn } from "./leaks.ts";
import { NDJSON, parseLines } from "./lines.ts";
import { type FuzzRequest, headerName, isKeyed } from "./request.ts";
import { type JsonSchema, SchemaJudge, worst } from "./schema-verdict.ts";

/** Bytes of a row up to which a list is read at once (`dao/list/guarded-rows.ts`); longer rows may be streamed. */
const SHORT_ROW = 8_192;

/** Reads whose results contain no text of callers: they are never read in pieces. */
const ALWAYS_SHORT = /demo-flags|statistics/;

/** Headers that belong to HTTP itself or speak to nginx, which need no documentation. */
const HTTP_HEADERS = new Set(
  "date connection keep-alive content-type content-length transfer-encoding cache-control x-content-type-options x-accel-buffering".split(
    " ",
  ),
);

/** Statuses for an invalid request, or for the service itself. All others depend on the state of the data. */
const REFUSALS = new Set([400, 403, 405, 408, 411, 413, 414, 415, 417, 431]);

/** Checks responses against the service's own OpenAPI document, and against the expectation of the request. */
export class ResponseCheck {
  readonly #document: OpenApiDocument;
  readonly #schemas: SchemaCheck;
  readonly #judge: SchemaJudge;
  readonly #key: string;

  constructor(document: OpenApiDocument, key: string) {
    this.#document = document;
    this.#schemas = new SchemaCheck(document);
    this.#judge = new SchemaJudge(document, { isClosed: true });
    this.#key = key;
  }

  /** The defects of a response: usually none. */
  problemsOf(request: FuzzRequest, response: HttpResponse): string[] {
    const ofStatus = this.#statusProblems(request, response);
    // A response with the wrong status also has the wrong headers and body.
    if (ofStatus.length > 0) return ofStatus;
    return [...requestIdProblems(request, response), ...this.#documentedProblems(request, response)];
  }

  #statusProblems(request: FuzzRequest, response: HttpResponse): string[] {
    const { expectation, isAimed, operation } = request;
    const { is, statuses = [], because } = expectation;
    const { status } = response;
    if (status >= 500) return [`${status} is never expected`];
    const problems: string[] = [];
    if (isAimed && !(status in operation.operation.responses)) problems.push(`${status} is not documented`);
    if (is === "taken" && REFUSALS.has(status))
      problems.push(`${status} for what is valid ${because}: ${detailOf(response)}`);
    // A reused key with another request is rejected before the body is parsed.
    const isReuse = status === 422 && statuses.includes(400) && isKeyed(request);
    if (is === "refused" && !statuses.includes(status) && !isReuse) {
      problems.push(`${status}, not ${statuses.join(" or ")}, for ${because}: ${detailOf(response)}`);
    }
    return problems;
  }

  #documentedProblems(request: FuzzRequest, response: HttpResponse): string[] {
    const { operation, isAimed, method } = request;
    const { status } = response;
    const documented = this.#schemas.responseOf(operation.operation, status);
    const isProblem = !isAimed || (status >= 400 && documented === undefined);
    const expected: ResponseObject | undefined = isProblem ? PAST_OPERATIONS : documented;
    if (expected === undefined) return [];
    const problems = this.#headerProblems(request, response, expected);
    const [[type, media] = []] = Object.entries(expected.content ?? {});
    // The rows may have been long when the read began, and shorter or gone when they were sent.
    const isRead = (method === "GET" || method === "HEAD") && status === 200 && !ALWAYS_SHORT.test(operation.path);
    const isKnown = !isRead && response.body.length < SHORT_ROW;
    if (type !== NDJSON && isKnown && headerOf(response, "transfer-encoding") !== undefined) {
      problems.push("a chunked response whose length was known");
    }
    if (media === undefined || method === "HEAD") {
      return response.body.length === 0 ? problems : [...problems, "an unexpected body"];
    }
    const sentType = headerOf(response, "content-type");
    if (sentType !== type) problems.push(`the content type ${sentType}, not ${type}`);
    const text = Buffer.from(response.body).toString("utf8");
    const { contentSchema } = media.schema;
    let bodies: unknown[];
    try {
      bodies = contentSchema === undefined ? [JSON.parse(text)] : parseLines(text);
    } catch {
      return [...problems, "a body that is not JSON"];
    }
    const verdict = worst(bodies.map((body) => this.#judge.judge(contentSchema ?? media.schema, body)));
    if (verdict.is !== "valid") problems.push(`a body that breaks its schema: ${verdict.because}`);
    if (contentSchema !== undefined) return problems;
    const [body] = bodies;
    if (status >= 400) problems.push(...this.#problemProblems(request, response, body));
    else if (["POST", "PUT", "PATCH"].includes(request.method)) problems.push(...echoProblems(request, body));
    return problems;
  }

  #headerProblems(
    { method, operation }: FuzzRequest,
    response: HttpResponse,
    { headers = {} }: ResponseObject,
  ): string[] {
    const problems: string[] = [];
    const documented = new Map(Object.entries(headers).map(([name, header]) => [name.toLowerCase(), header]));
    const seen = new Set<string>();
    for (const [name, value] of response.headers) {
      if (seen.has(name)) problems.push(`a duplicate header ${name}`);
      seen.add(name);
      const header = documented.get(name);
      if (header !== undefined) problems.push(...this.#headerValueProblems(name, value, header));
      else if (!HTTP_HEADERS.has(name) && !isOfAnyProblem(name, value, response.status)) {
        problems.push(`the undocumented header ${name}`);
      }
    }
    for (const name of requiredHeaders(this.#document, { headers })) {
      if (!seen.has(name.toLowerCase())) problems.push(`no ${name}`);
    }
    for (const [name, value] of response.headers)
      if (name === "link" && response.status < 400) problems.push(...linkProblems(value));
    if (response.status === 405) problems.push(...this.#allowProblems(operation.path, response));
    if (method !== "HEAD" && response.status === 204 && seen.has("content-length"))
      problems.push("a Content-Length without a body");
    return problems;
  }

  #headerValueProblems(name: string, value: string, reference: object): string[] {
    const pointer: unknown = Reflect.get(reference, "$ref");
    const header =
      typeof pointer === "string"
        ? Reflect.get(this.#document.components, "headers")?.[pointer.split("/").at(-1) ?? ""]
        : reference;
    const schema: JsonSchema = Reflect.get(header ?? {}, "schema") ?? {};
    const read = schema.type === "integer" ? Number(value) : schema.type === "boolean" ? value === "true" : value;
    const verdict = this.#judge.judge(schema, read);
    return verdict.is === "valid" ? [] : [`the header ${name}: ${verdict.because}`];
  }

  #allowProblems(path: string, response: HttpResponse): string[] {
    const allowed = (headerOf(response, "allow") ?? "").split(", ");
    const documented = Object.keys(this.#document.paths[path] ?? {}).map((method) => method.toUpperCase());
    const missing = documented.filter((method) => !allowed.includes(method));
    return missing.map((method) => `Allow lacks ${method}`);
  }

  #problemProblems(request: FuzzRequest, response: HttpResponse, body: unknown): string[] {
    if (typeof body !== "object" || body === null || !("code" in body)) return [];
    const problems: string[] = [];
    if (Reflect.get(body, "status") !== response.status)
      problems.push("a problem whose status differs from the response's");
    const told = ownWordsOf(body);
    const leak = leakIn(told, this.#key);
    if (leak !== undefined) problems.push(`a problem that shows ${leak}: ${told.slice(0, 300)}`);
    if (response.status === 400 && !Array.isArray(Reflect.get(body, "errors"))) problems.push("a 400 without errors");
    if (
      request.isAimed &&
      Reflect.get(body, "instance") !== request.target.split("?")[0]?.replace(/^\w+:\/\/[^/]*/, "")
    ) {
      problems.push(`a problem with another path: ${Reflect.get(body, "instance")}`);
    }
    return problems;
  }
}

const PAST_OPERATIONS: ResponseObject = {
  headers: { "X-Request-Id": {} },
  content: { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } },
};

function headerOf({ headers }: HttpResponse, wanted: string): string | undefined {
  return headers.find(([name]) => name === wanted)?.[1];
}

function detailOf({ body }: HttpResponse): string {
  return /"detail":"(.*?)","/.exec(Buffer.from(body).toString("utf8"))?.[1] ?? "";
}

const RELATIONS = ["first", "prev", "next", "last"];

/** RFC 8288, 3: a list of references in angle brackets, each with its relation, and no relation twice. */
/** Whether responses have this header whose status the operation does not document, as 405. */
function isOfAnyProblem(name: string, value: string, status: number): boolean {
  if (name === "allow") return status === 405;
  return name === "link" && status >= 400 && /^<(?:\.\.\/)*guide#[a-z_]+>; rel="help"$/.test(value);
}

function linkProblems(value: string): string[] {
  const links = value.split(", ").map((link) => /^<([^<>"\s]+)>; rel="(\w+)"$/.exec(link));
  const relations = links.map((link) => link?.[2] ?? "");
  const isRight =
    links.every((link) => formatCertainty("uri-reference", link?.[1] ?? "<") === "valid") &&
    relations.every((relation, index) => RELATIONS.includes(relation) && relations.indexOf(relation) === index);
  return isRight ? [] : [`the header link: ${value}`];
}

/** The service's own words: without the path of the request, and the names in it. */
function ownWordsOf(problem: object): string {
  const { errors, detail, ...others }: { errors?: unknown; detail?: unknown } = problem;
  const issues: readonly object[] = Array.isArray(errors) ? errors : [];
  const paths = issues.map((issue) => String(Reflect.get(issue, "path"))).filter((path) => path !== "");
  const sentence = paths.reduce((text, path) => text.replaceAll(path, "…"), String(detail));
  const messages = issues.map((issue) => String(Reflect.get(issue, "message")));
  return [sentence, ...messages, JSON.stringify({ ...others, instance: "" })].join("\n");
}

/** The caller's own id if it is valid, else a new one. */
function requestIdProblems({ headers }: FuzzRequest, response: HttpResponse): string[] {
  const id = headerOf(response, "x-request-id");
  if (id === undefined || !/^[\x21-\x7e]{1,200}$/.test(id)) return [`the request id ${id}`];
  const sent = headers.filter((line) => headerName(line) === "x-request-id");
  const own = sent.length === 1 ? (sent[0]?.slice(sent[0].indexOf(":") + 1).trim() ?? "") : "";
  return /^[\x21-\x7e]{1,200}$/.test(own) && own !== id && response.status !== 431
    ? [`the request id ${id}, not ${own}`]
    : [];
}

function echoProblems(request: FuzzRequest, row: unknown): string[] {
  // A replayed response belongs to another request.
  if (isKeyed(request)) return [];
  const difference = differenceOf(request.json, row);
  return difference === undefined ? [] : [`a row that is not what was sent: ${difference}`];
}
