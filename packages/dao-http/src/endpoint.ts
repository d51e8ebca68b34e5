import type { DaoServices } from "@flux/dao-core/contract";
import type { HttpRequest, HttpResponse } from "./http-message.ts";
import { IDEMPOTENCY_KEY_HEADER, keyNotSupported, type OnceOnly, parseIdempotencyKey } from "./idempotency.ts";
import { parseJsonBody, readJsonBody } from "./json-body.ts";
import type { ServiceName } from "./operations/operation.ts";
import {
  etagOf,
  isToBeAnswered,
  type Preconditions,
  type PreconditionUse,
  preconditionUse,
  readPreconditions,
} from "./preconditions.ts";
import { type QueryReader, queryReader } from "./query.ts";
import type { ApiRoute } from "./routes/routes.ts";
import { encode } from "./wire/encode.ts";

/** A request as its endpoint sees it: the path is matched and the caller known. */
export interface EndpointRequest {
  readonly http: HttpRequest;
  /** As it came. */
  readonly path: string;
  /** The id in the path, decoded; `undefined` where the path has none. */
  readonly id: string | undefined;
  /** Without its question mark. */
  readonly query: string;
  /** The name of the caller's key. */
  readonly caller: string;
}

/** What the endpoints of an app have in common. */
export interface EndpointSettings {
  readonly services: DaoServices;
  /** Where requests that carry an idempotency key are recorded; `undefined` where there is no database for it. */
  readonly onceOnly: OnceOnly | undefined;
  /** What the `Location` header puts before the path. */
  readonly basePath: string;
  /** Bytes that a body may have. */
  readonly bodyLimit: number;
}

/** An operation made ready to answer requests: everything that is the same for all of them is done once. */
export class Endpoint {
  /** The path's template, for the log. */
  readonly path: string;
  /** The id's name in the path and in the service; `undefined` where there is none. */
  readonly id: { readonly wireName: string; readonly name: string } | undefined;
  readonly #settings: EndpointSettings;
  readonly #service: ServiceName;
  readonly #method: string;
  readonly #input: "none" | "query" | "body";
  readonly #readQuery: QueryReader;
  readonly #status: number;
  readonly #location: string | undefined;
  readonly #preconditions: PreconditionUse;
  /** Whether the answer has a row, and so an `ETag`. */
  readonly #isRow: boolean;
  /** Whether sending it twice could do it twice. */
  readonly #isPost: boolean;

  constructor({ service, name, operation, route, location }: ApiRoute, settings: EndpointSettings) {
    this.path = operation.path;
    const wireName = /\{(\w+)\}/.exec(operation.path)?.[1];
    this.id = wireName === undefined || operation.id === undefined ? undefined : { wireName, name: operation.id };
    this.#settings = settings;
    this.#service = service;
    this.#method = name;
    this.#input = operation.input;
    this.#readQuery = queryReader(operation.query);
    this.#status = route.status;
    // What comes before the id: no path of a row has anything behind it.
    this.#location = location && settings.basePath + location.slice(0, location.indexOf("{"));
    this.#preconditions = preconditionUse(operation);
    this.#isRow = operation.row === true;
    this.#isPost = operation.method === "POST";
  }

  async answer(request: EndpointRequest): Promise<HttpResponse> {
    const { http } = request;
    const preconditions = readPreconditions(http, this.#preconditions);
    const query = this.#readQuery(request.query);
    const key = this.#isPost ? http.header(IDEMPOTENCY_KEY_HEADER) : undefined;
    if (key !== undefined) return this.#answerOnce(key, request);
    const { services, bodyLimit } = this.#settings;
    const input = this.#input === "body" ? parseJsonBody(await readJsonBody(http, bodyLimit)) : query;
    return this.#toResponse(await this.#call(services, request.id, input, preconditions), preconditions);
  }

  async #answerOnce(header: string, { http, path, query, id, caller }: EndpointRequest): Promise<HttpResponse> {
    const { onceOnly, bodyLimit } = this.#settings;
    const key = parseIdempotencyKey(header);
    if (onceOnly === undefined) throw keyNotSupported();
    const body = await readJsonBody(http, bodyLimit);
    const input = parseJsonBody(body);
    const keyed = { key, caller, method: http.method, path, query, body };
    return onceOnly.answer(keyed, async (services) => this.#toResponse(await this.#call(services, id, input)));
  }

  /** The table and the services are checked against each other by the compiler; here they are just data. */
  #call(
    services: DaoServices,
    id: string | undefined,
    input: unknown,
    { ifMatch }: Preconditions = {},
  ): Promise<unknown> {
    const service = services[this.#service];
    const method: unknown = Reflect.get(service, this.#method);
    if (typeof method !== "function") throw new TypeError(`The services have no method ${this.#method}.`);
    if (id === undefined) return Reflect.apply(method, service, [input]);
    const args = this.#input === "none" ? [id] : [id, input];
    if (ifMatch !== undefined && this.#preconditions === "write") args.push({ ifVersion: ifMatch });
    return Reflect.apply(method, service, args);
  }

  #toResponse(result: unknown, preconditions: Preconditions = {}): HttpResponse {
    if (this.#status === 204) return { status: 204, headers: { "cache-control": "no-store" }, body: undefined };
    const headers: Record<string, string> = { "content-type": "application/json", "cache-control": "no-store" };
    if (this.#location !== undefined) headers["location"] = this.#location + idOf(result);
    if (this.#isRow) {
      const etag = etagOf(result);
      if (this.#preconditions === "read" && !isToBeAnswered(preconditions, etag)) {
        return { status: 304, headers: { "cache-control": "no-store", etag }, body: undefined };
      }
      headers["etag"] = etag;
    }
    return { status: this.#status, headers, body: encode(result) };
  }
}

function idOf(row: unknown): string {
  return typeof row === "object" && row !== null && "id" in row ? String(row.id) : "";
}
