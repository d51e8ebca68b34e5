import {
  createDaoServices,
  type DatabaseSession,
  type LongRow,
  longRowVersion,
  type OpenResult,
  type PieceServices,
  type Requester,
} from "@flux/dao-core";
import { callOperation, type DaoServices, type OperationName, type Page } from "@flux/dao-core/contract";
import type { Operation } from "../api/operation.ts";
import type { HttpRequest, HttpResponse } from "../http/http-message.ts";
import { pageLinks } from "../http/page-links.ts";
import { HttpError, invalidRequest } from "../http/problem.ts";
import { checkMediaType, parseJsonBody, readNdjson } from "../http/request-body.ts";
import { jsonParts, longRowText, toNdjson } from "../http/response-body.ts";
import { encode, NDJSON } from "../wire/json.ts";
import { LONG_RESPONSE, LONG_ROW_MEMORY, STREAM_MEMORY } from "../wire/limits.ts";
import type { Caller } from "./auth.ts";
import type { Followers } from "./changes/followers.ts";
import type { ConcurrencyLimit } from "./concurrency-limit.ts";
import {
  fingerprintOf,
  IDEMPOTENCY_KEY_HEADER,
  type IdempotentHandler,
  invalidKey,
  parseIdempotencyKey,
} from "./idempotency.ts";
import { etagOf, explainWeak, isRowReturned, type Preconditions, readPreconditions } from "./preconditions.ts";
import { readQuery } from "./query.ts";
import type { ResponseMemory, ResponseShare } from "./response-memory.ts";

/** A request whose path was matched and whose caller was identified. */
export interface EndpointRequest {
  readonly http: HttpRequest;
  readonly path: string;
  /** The id in the path, decoded; `undefined` if the path has none. */
  readonly id: string | undefined;
  /** Without its question mark. */
  readonly query: string;
  readonly caller: Caller;
  readonly data: ServedData;
  /** What a standby that serves a read must have replayed. */
  readonly readAfter?: string | undefined;
}

/** What a request calls: services, on a database or in a unit of work, unless they are custom ones. */
export interface Target {
  readonly services: DaoServices;
  readonly session: DatabaseSession | undefined;
}

/** What a request works on: the data of one schema. */
export interface ServedData extends Target {
  /** For requests with an idempotency key; `undefined` without a database to record them. */
  readonly idempotency: IdempotentHandler | undefined;
  /** Deletes changes that are not kept any longer, once an hour. */
  readonly cleanUpChanges?: (() => void) | undefined;
  /** Replace service methods whose results may be long, and read in pieces. */
  readonly pieces: PieceServices | undefined;
}

/** The rest of a request whose head is valid; counts as a request in progress. */
export type PreparedRequest = (body: Uint8Array) => Promise<HttpResponse>;

/** Handles the requests of one route. */
export interface RouteEndpoint extends Pick<Endpoint, "operation" | "id" | "prepare"> {
  /** Present if it is about changes: only the primary has them, and those who wait for them are not in progress. */
  readonly isOfChanges?: true;
}

/** What the endpoints of an app share. */
export interface EndpointSettings {
  readonly basePath: string;
  /** Size limit of a line of an NDJSON body, in bytes. */
  readonly lineLimit: number;
  readonly bodyTimeout: number;
  readonly memory: ResponseMemory;
  readonly limit: ConcurrencyLimit;
  readonly followers: Followers;
}

/** Handles the requests of one operation; what they have in common is prepared once. */
export class Endpoint {
  readonly operation: Operation;
  /** The id's name in the path and in the service; `undefined` for none. */
  readonly id: { readonly wireName: string; readonly name: string } | undefined;
  readonly #settings: EndpointSettings;
  readonly name: OperationName;
  readonly #location: string | undefined;

  constructor(name: OperationName, operation: Operation, settings: EndpointSettings) {
    const { path, id, location } = operation;
    this.operation = operation;
    const wireName = /\{(\w+)\}/.exec(path)?.[1];
    this.id = wireName === undefined || id === undefined ? undefined : { wireName, name: id };
    this.#settings = settings;
    this.name = name;
    // The part before the id, which is always last.
    this.#location = location && settings.basePath + location.slice(0, location.indexOf("{"));
  }

  /** Checks the head. What it returns needs the complete body if the input is `body`; otherwise none, or reads it as it arrives. */
  prepare(request: EndpointRequest): PreparedRequest {
    const { http } = request;
    const { method, input, output, query: parameters } = this.operation;
    const preconditions = readPreconditions(http, this.operation);
    const query = request.query === "" ? {} : readQuery(request.query, parameters);
    const key = method === "POST" ? http.header(IDEMPOTENCY_KEY_HEADER) : undefined;
    if (key !== undefined) {
      return prepareOnce(key, this.operation, request, (body) => {
        const input = parseJsonBody(body);
        // Without options: within a transaction, which has its connection.
        const args = this.argumentsOf(request.id, input, {});
        return async ({ services }) => {
          return this.#toResponse(await callOperation(services, this.name, args), request.query);
        };
      });
    }
    if (output === "ndjson") return () => this.#respondInLines(request, query);
    if (input === "ndjson") {
      const lines = readNdjson(http, this.#settings.lineLimit, this.#settings.bodyTimeout);
      // Waits for its turn in the service, and is read from then on.
      return () => this.#respond(request, lines, preconditions);
    }
    if (input !== "body") return () => this.#respond(request, query, preconditions);
    checkMediaType(http, "JSON");
    return (body) => this.#respond(request, parseJsonBody(body), preconditions);
  }

  async #respond(request: EndpointRequest, input: unknown, preconditions: Preconditions): Promise<HttpResponse> {
    const { http, id, query, data, readAfter } = request;
    const { ifMatch, ifNoneMatch } = preconditions;
    try {
      const reader = new Reader(http);
      const opening = this.#open(request, reader, input, ifMatch);
      const opened = opening && (await opening);
      if (opened?.kind === "whole") {
        const response = this.#toResponse(opened.result, query, preconditions);
        empty(opened.result);
        return response;
      }
      if (opened !== undefined) return await this.#toOpenResponse(reader, opened, query, preconditions);
      const isWrite = this.operation.preconditions === "write";
      const ifVersion = isWrite ? (ifNoneMatch === undefined ? ifMatch : null) : undefined;
      const args = this.argumentsOf(id, input, { requester: http, readAfter, ifVersion });
      const result = await callOperation(data.services, this.name, args);
      const response = this.#toResponse(result, query, preconditions);
      const { body } = response;
      if (id === undefined || typeof body !== "string" || body.length <= LONG_RESPONSE) return response;
      // Read again in pieces, as memory permits, instead of keeping it in memory.
      const again = await data.pieces?.updates[this.name]?.(id, {}, { requester: reader, readAfter });
      return again === undefined ? response : await this.#toOpenResponse(reader, again, query, {});
    } catch (error) {
      throw explainWeak(error, http);
    }
  }

  #open({ id, data: { pieces }, readAfter }: EndpointRequest, requester: Reader, input: unknown, ifMatch: unknown) {
    const options = { requester, readAfter };
    const read = pieces?.reads[this.name];
    if (read !== undefined) return read(id ?? input, options);
    return id === undefined || ifMatch !== undefined ? undefined : pieces?.updates[this.name]?.(id, input, options);
  }

  async #respondInLines({ http, data, readAfter }: EndpointRequest, query: Record<string, unknown>) {
    const { cursors: isWithCursors = false, ...request } = query;
    if (typeof isWithCursors !== "boolean") throw invalidRequest("must be true or false", "cursors");
    const share = this.#settings.memory.share(http.signal);
    const cursors: { latest?: string } = {};
    const onCursor = (cursor: string) => {
      cursors.latest = cursor;
    };
    const options = { signal: share.ended, readAfter, onCursor };
    const rows: AsyncIterable<unknown> = Object(callOperation(data.services, this.name, [request, options]));
    const headers = { "content-type": NDJSON, "cache-control": "no-store" };
    await share.take(STREAM_MEMORY);
    try {
      const body = await toNdjson(rows, share, isWithCursors ? cursors : undefined);
      return share.respond(this.operation.status, headers, body);
    } catch (error) {
      share.release();
      throw error;
    }
  }

  /** The arguments of the service's method for the id in the path and the input. */
  argumentsOf(id: string | undefined, input: unknown, options: object): unknown[] {
    if (id === undefined) return [input, options];
    return this.operation.input === "none" ? [id, options] : [id, input, options];
  }

  #toOpenResponse(reader: Reader, opened: OpenResult, query: string, preconditions: Preconditions) {
    if (opened.kind === "whole") return this.#toResponse(opened.result, query, preconditions);
    const share = this.#settings.memory.share(reader.signal);
    reader.share = share;
    if (opened.kind === "row") return this.#toRowResponse(opened.row, share, preconditions);
    const headers = jsonHeaders(opened.kind === "page" ? pageLinks(opened.page, query) : undefined);
    return share.respond(this.operation.status, headers, jsonParts(opened, share));
  }

  /** A row that is too long to read at once. Its JSON is sent as PostgreSQL wrote it; a row of over 8 MiB has no `ETag`. */
  async #toRowResponse(long: LongRow, share: ResponseShare, preconditions: Preconditions): Promise<HttpResponse> {
    try {
      await share.take(LONG_ROW_MEMORY);
      const row = await long.inParts(share.ended);
      if (row === null) throw new HttpError("not_found", "The row was deleted while it was read.");
      const version = await longRowVersion(row);
      const etag = version && `"${version}"`;
      const isReturned = isRowReturned(preconditions, etag ?? "");
      const headers: Record<string, string> = isReturned ? jsonHeaders() : { "cache-control": "no-store" };
      if (etag !== undefined) headers["etag"] = etag;
      if (isReturned) return share.respond(this.operation.status, headers, longRowText(row, share));
      share.release();
      return { status: 304, headers, body: undefined };
    } catch (error) {
      share.release();
      throw error;
    }
  }

  #toResponse(result: unknown, query: string, preconditions: Preconditions = {}): HttpResponse {
    const { status, row } = this.operation;
    if (status === 204) return { status, headers: { "cache-control": "no-store" }, body: undefined };
    const headers = jsonHeaders(isPage(result) ? pageLinks(result, query) : undefined);
    if (this.#location !== undefined) headers["location"] = this.#location + Object(result).id;
    if (row === true) {
      const etag = etagOf(result);
      if (this.operation.preconditions === "read" && !isRowReturned(preconditions, etag)) {
        return { status: 304, headers: { "cache-control": "no-store", etag }, body: undefined };
      }
      headers["etag"] = etag;
    }
    return { status, headers, body: encode(result) };
  }
}

/**
 * Prepares a request with an idempotency key.
 * @param read reads the body; what it returns is called in the unit of work of the key, unless the request is a replay
 */
export function prepareOnce(
  header: string,
  { input }: Operation,
  { http, path, query, caller, data: { idempotency } }: EndpointRequest,
  read: (body: Uint8Array) => (target: Target) => Promise<HttpResponse>,
): PreparedRequest {
  const key = parseIdempotencyKey(header);
  if (input === "ndjson") {
    // It takes effect while its body arrives, so there is nothing to compare.
    throw invalidKey(
      "is not supported here: give each task an id of its own, so that an import that is sent twice is refused",
    );
  }
  if (idempotency === undefined) {
    throw invalidKey("is not supported here: this service runs on custom services, without a database; omit it");
  }
  checkMediaType(http, "JSON");
  return async (body) => {
    const respond = read(body);
    // Keys of different callers are different keys.
    const once = {
      scope: caller.name,
      key,
      fingerprint: fingerprintOf(http.method, path, query, body),
      requester: http,
    };
    return idempotency(once, (uow) => respond({ services: createDaoServices(uow), session: uow }));
  };
}

export function jsonHeaders(link?: string): Record<string, string> {
  const headers = { "content-type": "application/json", "cache-control": "no-store" };
  return link === undefined ? headers : { ...headers, link };
}

/** The client that reads the response; once that has begun, the host reports its end. */
class Reader implements Requester {
  share: ResponseShare | undefined;
  readonly #http: HttpRequest;

  constructor(http: HttpRequest) {
    this.#http = http;
  }

  get signal(): AbortSignal | undefined {
    return this.share === undefined ? this.#http.signal : this.share.ended;
  }
}

/** Empties a list that was encoded, which promises would keep until a full garbage collection (`takeRows` in dao-core). */
function empty(result: unknown): void {
  const rows = isPage(result) ? result.items : result;
  if (Array.isArray(rows)) rows.length = 0;
}

function isPage(result: unknown): result is Page<unknown> {
  return typeof result === "object" && result !== null && "nextCursor" in result;
}
