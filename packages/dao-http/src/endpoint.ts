import type { DaoServices } from "@flux/dao-core/contract";
import type { HttpRequest, HttpResponse } from "./http-message.ts";
import { readJsonBody } from "./json-body.ts";
import { type QueryReader, queryReader } from "./query.ts";
import type { ApiRoute } from "./routes/routes.ts";
import { encode } from "./wire/encode.ts";

/** A request as its endpoint sees it: the path is matched and the caller known. */
export interface EndpointRequest {
  readonly http: HttpRequest;
  /** The id in the path, decoded; `undefined` where the path has none. */
  readonly id: string | undefined;
  /** Without its question mark. */
  readonly query: string;
  /** Bytes that a body may have. */
  readonly bodyLimit: number;
}

/** An operation made ready to answer requests: everything that is the same for all of them is done once. */
export class Endpoint {
  /** The path's template, for the log. */
  readonly path: string;
  /** The id's name in the path and in the service; `undefined` where there is none. */
  readonly id: { readonly wireName: string; readonly name: string } | undefined;
  readonly #service: object;
  readonly #method: string;
  readonly #input: "none" | "query" | "body";
  readonly #readQuery: QueryReader;
  readonly #status: number;
  readonly #location: string | undefined;

  /** @param basePath what the `Location` header puts before the path */
  constructor({ service, name, operation, route, location }: ApiRoute, services: DaoServices, basePath: string) {
    this.path = operation.path;
    const wireName = /\{(\w+)\}/.exec(operation.path)?.[1];
    this.id = wireName === undefined || operation.id === undefined ? undefined : { wireName, name: operation.id };
    this.#service = services[service];
    this.#method = name;
    this.#input = operation.input;
    this.#readQuery = queryReader(operation.query);
    this.#status = route.status;
    // What comes before the id: no path of a row has anything behind it.
    this.#location = location && basePath + location.slice(0, location.indexOf("{"));
  }

  async answer(request: EndpointRequest): Promise<HttpResponse> {
    const query = this.#readQuery(request.query);
    const input = this.#input === "body" ? await readJsonBody(request.http, request.bodyLimit) : query;
    const result = await this.#call(request.id, input);
    if (this.#status === 204) return { status: 204, headers: { "cache-control": "no-store" }, body: undefined };
    const headers: Record<string, string> = { "content-type": "application/json", "cache-control": "no-store" };
    if (this.#location !== undefined) headers["location"] = this.#location + idOf(result);
    return { status: this.#status, headers, body: encode(result) };
  }

  /** The table and the services are checked against each other by the compiler; here they are just data. */
  #call(id: string | undefined, input: unknown): Promise<unknown> {
    const method: unknown = Reflect.get(this.#service, this.#method);
    if (typeof method !== "function") throw new TypeError(`The services have no method ${this.#method}.`);
    if (id === undefined) return Reflect.apply(method, this.#service, [input]);
    return Reflect.apply(method, this.#service, this.#input === "none" ? [id] : [id, input]);
  }
}

function idOf(row: unknown): string {
  return typeof row === "object" && row !== null && "id" in row ? String(row.id) : "";
}
