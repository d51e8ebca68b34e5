import {
  type CallOptions,
  type LongRow,
  longRowVersion,
  type OpenResult,
  type PieceServices,
  type Requester,
} from "@flux/dao-core";
import { callOperation, type DaoServices, type OperationName, type Page } from "@flux/dao-core/contract";
import { type Operation, type PreconditionUse, preconditionUse } from "../api/operation.ts";
import { HttpError, InvalidRequestError } from "../http/http-error.ts";
import type { HttpRequest, HttpResponse } from "../http/http-message.ts";
import { checkJson, parseJsonBody } from "../http/json-body.ts";
import { jsonParts, longRowText } from "../http/json-parts.ts";
import { readNdjson } from "../http/ndjson-body.ts";
import { CursorLines, toNdjson } from "../http/ndjson-response.ts";
import { pageLinks } from "../http/page-links.ts";
import { unsentBody } from "../http/unsent-body.ts";
import { encode } from "../wire/json.ts";
import {
  IDEMPOTENCY_KEY_HEADER,
  type IdempotentHandler,
  keyNotSupported,
  keyOnStream,
  parseIdempotencyKey,
} from "./idempotency.ts";
import { etagOf, explainWeak, isRowReturned, type Preconditions, readPreconditions } from "./preconditions.ts";
import { type QueryReader, queryReader } from "./query.ts";
import type { ResponseMemory, ResponseShare } from "./response-memory.ts";

/** Bytes that a long row takes while it is read, and a stream from its beginning: what has been read ahead included. */
const LONG_ROW = 16 * 1_048_576;
const STREAM = 524_288;

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

/** A request whose head is in order. What is left of it takes a place at work. */
export interface PreparedRequest {
  /** Whether `work` takes the body in full; else it takes none, or reads it as it comes in. */
  readonly needsBody: boolean;
  readonly work: (body: Uint8Array) => Promise<HttpResponse>;
}

/** What the endpoints of an app have in common. */
export interface EndpointSettings {
  readonly services: DaoServices;
  /** Where requests that carry an idempotency key are recorded; `undefined` where there is no database for it. */
  readonly idempotency: IdempotentHandler | undefined;
  /** What the `Location` header puts before the path. */
  readonly basePath: string;
  /** Bytes that a line may have of a body that is read by lines. */
  readonly lineLimit: number;
  /** Milliseconds in which so much of such a body must come (`BodyPace`). */
  readonly bodyTimeout: number;
  /** The reads that can be sent on in pieces, by service and method. */
  readonly pieces: PieceServices | undefined;
  /** What responses that are sent as they are made hold. */
  readonly memory: ResponseMemory;
}

/** An operation made ready to answer requests: everything that is the same for all of them is done once. */
export class Endpoint {
  /** The path's template, for the log. */
  readonly path: string;
  /** The id's name in the path and in the service; `undefined` where there is none. */
  readonly id: { readonly wireName: string; readonly name: string } | undefined;
  readonly #settings: EndpointSettings;
  /** Such as `goals.createGoal`. */
  readonly #name: string;
  readonly #input: Operation["input"];
  readonly #isStreamed: boolean;
  readonly #readQuery: QueryReader;
  readonly #status: number;
  readonly #location: string | undefined;
  readonly #preconditions: PreconditionUse;
  /** Whether the answer has a row, and so an `ETag`. */
  readonly #isRow: boolean;
  /** What does the method's work, and has what it would return read in pieces where that is long. */
  readonly #read: ((input: unknown, options: CallOptions) => Promise<OpenResult>) | undefined;
  readonly #update:
    | ((id: string, changes: unknown, options: CallOptions) => Promise<OpenResult | undefined>)
    | undefined;
  /** Whether the answer is a page of a list. */
  readonly #isList: boolean;
  /** Whether sending it twice could do it twice. */
  readonly #isPost: boolean;

  constructor(name: string, operation: Operation, settings: EndpointSettings) {
    const { location } = operation;
    this.path = operation.path;
    const wireName = /\{(\w+)\}/.exec(operation.path)?.[1];
    this.id = wireName === undefined || operation.id === undefined ? undefined : { wireName, name: operation.id };
    this.#settings = settings;
    this.#name = name;
    this.#input = operation.input;
    const reads: Readonly<Record<string, PieceServices["reads"][OperationName]>> = settings.pieces?.reads ?? {};
    const updates: Readonly<Record<string, PieceServices["updates"][OperationName]>> = settings.pieces?.updates ?? {};
    this.#read = reads[name];
    this.#update = updates[name];
    this.#isStreamed = operation.output === "ndjson";
    this.#isList = operation.query !== undefined && "page" in operation.query;
    this.#readQuery = queryReader(operation.query);
    this.#status = operation.status;
    // What comes before the id: no path of a row has anything behind it.
    this.#location = location && settings.basePath + location.slice(0, location.indexOf("{"));
    this.#preconditions = preconditionUse(operation);
    this.#isRow = operation.row === true;
    this.#isPost = operation.method === "POST";
  }

  /** Whether the body is worked on as it comes in, however long that takes. */
  get isImport(): boolean {
    return this.#input === "ndjson";
  }

  /**
   * Looks at all of a request but its body.
   * @throws HttpError, InvalidRequestError
   */
  prepare(request: EndpointRequest): PreparedRequest {
    const { http } = request;
    const preconditions = readPreconditions(http, this.#preconditions);
    const query = request.query === "" ? {} : this.#readQuery(request.query);
    const key = this.#isPost ? http.header(IDEMPOTENCY_KEY_HEADER) : undefined;
    if (key !== undefined) return this.#prepareOnce(key, request);
    if (this.#isStreamed) return { needsBody: false, work: () => this.#answerInLines(http, query) };
    if (this.#input === "ndjson") return this.#prepareImport(request);
    const answer = (input: unknown) => this.#answer(request, input, preconditions);
    if (this.#input !== "body") return { needsBody: false, work: () => answer(query) };
    checkJson(http);
    return { needsBody: true, work: (body) => answer(parseJsonBody(body)) };
  }

  /** The import waits for its turn in the service, and its body is read from then on. */
  #prepareImport({ http, query }: EndpointRequest): PreparedRequest {
    const lines = readNdjson(http, this.#settings.lineLimit, this.#settings.bodyTimeout);
    const work = async () => {
      const departure = new AbortController();
      const { signal } = http;
      const leave = () => departure.abort(signal?.reason);
      if (signal?.aborted === true) leave();
      else signal?.addEventListener("abort", leave);
      const source = {
        [Symbol.asyncIterator]() {
          // That the client has gone the body tells from here on.
          signal?.removeEventListener("abort", leave);
          return lines;
        },
      };
      const result = await callOperation(this.#settings.services, this.#name, [source, { signal: departure.signal }]);
      return this.#toResponse(result, query);
    };
    return { needsBody: false, work };
  }

  async #answer(
    { http, id, query }: EndpointRequest,
    input: unknown,
    preconditions: Preconditions,
  ): Promise<HttpResponse> {
    try {
      const reader = new Reader(http);
      const options = { requester: reader };
      const opened = await this.#open(id, input, preconditions, options);
      if (opened !== undefined) return await this.#toOpenResponse(reader, opened, query, preconditions);
      const result = await this.#call(this.#settings.services, id, input, preconditions, http);
      const response = this.#toResponse(result, query, preconditions);
      if (id === undefined || !isLong(response)) return response;
      // Not to be held until there is memory for it: it is read again then.
      const again = await this.#update?.(id, {}, options);
      return again === undefined ? response : await this.#toOpenResponse(reader, again, query, {});
    } catch (error) {
      throw explainWeak(error, preconditions);
    }
  }

  #open(
    id: string | undefined,
    input: unknown,
    { ifMatch }: Preconditions,
    options: CallOptions,
  ): Promise<OpenResult | undefined> | undefined {
    if (this.#read !== undefined) return this.#read(id ?? input, options);
    return id === undefined || ifMatch !== undefined ? undefined : this.#update?.(id, input, options);
  }

  async #answerInLines(
    http: HttpRequest,
    { cursors = false, ...request }: Record<string, unknown>,
  ): Promise<HttpResponse> {
    if (typeof cursors !== "boolean") {
      throw new InvalidRequestError([{ path: "cursors", message: "must be true or false" }]);
    }
    const share = this.#settings.memory.share(http.signal);
    const lines = cursors ? new CursorLines() : undefined;
    const rows = callOperation(this.#settings.services, this.#name, [
      request,
      { signal: share.ended, onCursor: lines?.add },
    ]);
    if (!isAsyncIterable(rows)) throw new TypeError(`${this.#name} returns no rows one by one.`);
    const headers = { "content-type": "application/x-ndjson", "cache-control": "no-store" };
    await share.take(STREAM);
    try {
      const body = await toNdjson(rows, share, lines);
      return { status: this.#status, headers, body: unsentBody(body, share), signal: share.signal };
    } catch (error) {
      share.release();
      throw error;
    }
  }

  #prepareOnce(header: string, { http, path, query, id, caller }: EndpointRequest): PreparedRequest {
    const { idempotency } = this.#settings;
    const key = parseIdempotencyKey(header);
    if (this.#input === "ndjson") throw keyOnStream();
    if (idempotency === undefined) throw keyNotSupported();
    checkJson(http);
    const work = async (body: Uint8Array) => {
      const input = parseJsonBody(body);
      const keyed = { key, caller, method: http.method, path, query, body };
      return idempotency.handle(keyed, http, async (services) =>
        this.#toResponse(await this.#call(services, id, input), query),
      );
    };
    return { needsBody: true, work };
  }

  /** @param requester absent within a transaction, which has its connection */
  #call(
    services: DaoServices,
    id: string | undefined,
    input: unknown,
    { ifMatch }: Preconditions = {},
    requester?: Requester,
  ): unknown {
    const args = id === undefined ? [input] : this.#input === "none" ? [id] : [id, input];
    const ifVersion = this.#preconditions === "write" ? ifMatch : undefined;
    return callOperation(services, this.#name, [...args, { requester, ifVersion }]);
  }

  #toOpenResponse(
    reader: Reader,
    opened: OpenResult,
    query: string,
    preconditions: Preconditions,
  ): HttpResponse | Promise<HttpResponse> {
    if (opened.kind === "whole") return this.#toResponse(opened.result, query, preconditions);
    const share = this.#settings.memory.share(reader.signal);
    reader.share = share;
    if (opened.kind === "row") return this.#toRowResponse(opened.row, share, preconditions);
    const headers: Record<string, string> = { "content-type": "application/json", "cache-control": "no-store" };
    const links = opened.kind === "page" ? pageLinks(opened.page, query) : undefined;
    if (links !== undefined) headers["link"] = links;
    return { status: this.#status, headers, body: unsentBody(jsonParts(opened, share), share), signal: share.signal };
  }

  /** A row that is too long to be read at once. Its JSON goes out as PostgreSQL wrote it; one of over 8 MiB has no `ETag`. */
  async #toRowResponse(long: LongRow, share: ResponseShare, preconditions: Preconditions): Promise<HttpResponse> {
    try {
      await share.take(LONG_ROW);
      const row = await long.inParts(share.ended);
      if (row === null) throw new HttpError("not_found", "The row was deleted while it was read.");
      const version = await longRowVersion(row);
      const etag = version && `"${version}"`;
      const headers: Record<string, string> = { "cache-control": "no-store" };
      if (etag !== undefined) headers["etag"] = etag;
      if (!isRowReturned(preconditions, etag ?? "")) {
        share.release();
        return { status: 304, headers, body: undefined };
      }
      headers["content-type"] = "application/json";
      return { status: this.#status, headers, body: unsentBody(longRowText(row, share), share), signal: share.signal };
    } catch (error) {
      share.release();
      throw error;
    }
  }

  #toResponse(result: unknown, query: string, preconditions: Preconditions = {}): HttpResponse {
    if (this.#status === 204) return { status: 204, headers: { "cache-control": "no-store" }, body: undefined };
    const headers: Record<string, string> = { "content-type": "application/json", "cache-control": "no-store" };
    if (this.#location !== undefined) headers["location"] = this.#location + idOf(result);
    if (this.#isRow) {
      const etag = etagOf(result);
      if (this.#preconditions === "read" && !isRowReturned(preconditions, etag)) {
        return { status: 304, headers: { "cache-control": "no-store", etag }, body: undefined };
      }
      headers["etag"] = etag;
    }
    const links = this.#isList && isPage(result) ? pageLinks(result, query) : undefined;
    if (links !== undefined) headers["link"] = links;
    return { status: this.#status, headers, body: encode(result) };
  }
}

/** Who reads a response: the client of a request, and once the response is begun, whoever its host sends it to. */
class Reader implements Requester {
  readonly #http: HttpRequest;
  share: ResponseShare | undefined;

  constructor(http: HttpRequest) {
    this.#http = http;
  }

  get signal(): AbortSignal | undefined {
    return this.share === undefined ? this.#http.signal : this.share.ended;
  }
}

/** Characters of a response beyond which its row is read in pieces. */
const LONG = 524_288;

function isLong({ body }: HttpResponse): boolean {
  return typeof body === "string" && body.length > LONG;
}

function isPage(result: unknown): result is Page<unknown> {
  return typeof result === "object" && result !== null && "nextCursor" in result;
}

function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === "object" && value !== null && Symbol.asyncIterator in value;
}

function idOf(row: unknown): string {
  return typeof row === "object" && row !== null && "id" in row ? String(row.id) : "";
}
