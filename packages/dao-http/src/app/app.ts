import { Buffer } from "node:buffer";
import { createDaoServices, createPieceServices, type DaoServices, type DatabaseSession } from "@flux/dao-core";
import { operations } from "../api/operations.gen.ts";
import { BasePath } from "../http/base-path.ts";
import { toFetchHandler } from "../http/fetch-handler.ts";
import { ClientGoneError, HttpError, InvalidRequestError } from "../http/http-error.ts";
import {
  type HttpRequest,
  type HttpResponse,
  isStreamed,
  type PublicResponse,
  type PublicRoute,
  requestIdOf,
  type StreamedResponse,
  splitTarget,
} from "../http/http-message.ts";
import { problemResponse } from "../http/problem.ts";
import { Router } from "../http/router.ts";
import { unsentBody } from "../http/unsent-body.ts";
import { watchedBody } from "../http/watched-body.ts";
import { docsPages } from "../openapi/docs-pages.ts";
import { BODY_LIMIT, BODY_TIMEOUT, CONCURRENT_REQUESTS, UNCOUNTED_RESPONSE, WAITING_REQUESTS } from "../wire/limits.ts";
import { ServiceKeys } from "./auth.ts";
import { BodyMemory } from "./body-memory.ts";
import { Admission } from "./concurrency-limit.ts";
import type { ServiceKey } from "./development-keys.ts";
import { Endpoint, type EndpointRequest, type EndpointSettings } from "./endpoint.ts";
import { answerHealth, Readiness, type ReadinessCheck } from "./health.ts";
import { OnceOnly } from "./idempotency.ts";
import { KeySweeper } from "./idempotency-key-cleanup.ts";
import { createLogger, type Logger, logRequest, type RequestLogEntry } from "./log.ts";
import { ResponseMemory } from "./response-memory.ts";
import type { AppTelemetry, RequestProgress } from "./telemetry.ts";

export interface DaoAppOptions {
  /** What the API is served from: a database, a unit of work, or services of any other kind. */
  readonly services: DaoServices | DatabaseSession;
  /** The keys that callers may use: at least one, each of 1 to 200 printable ASCII characters without a space. */
  readonly keys: readonly ServiceKey[];
  /**
   * Whether the service can do its work, for `/ready`. Default: what the session says, if `services` is a database;
   * else it is always ready.
   */
  readonly readiness?: ReadinessCheck | undefined;
  /** Gets one line a request. Default: errors only, on standard output. */
  readonly logger?: Logger | undefined;
  /** Bytes that a body may have. Default 1 MiB. */
  readonly bodyLimit?: number | undefined;
  /**
   * Milliseconds within which 10,000 bytes of a body, or its end, must come, then as many again; else the request is a 408.
   * Only the time counts in which the app waits for the sender. Default 30,000.
   */
  readonly bodyTimeout?: number | undefined;
  /** Requests of the API that are worked on at a time; others wait. Default 128. */
  readonly maxConcurrentRequests?: number | undefined;
  /** Requests of the API that wait; one beyond is turned away with a 503. Default 1,000. */
  readonly maxWaitingRequests?: number | undefined;
  /** Whether `/docs`, `/redoc` and `/openapi.json` are served. Default `true`. */
  readonly docs?: boolean | undefined;
  /**
   * Where a host mounts the app, such as `/dao`. Requests are taken with it and, for hosts and proxies that strip it,
   * without it; `Location` headers and problems name it. Default: the root.
   */
  readonly basePath?: string | undefined;
  /** Makes spans and metrics of requests: `appTelemetry()` of `@flux/dao-http/opentelemetry`. Default: none. */
  readonly telemetry?: AppTelemetry | undefined;
}

/** The REST API. It has no socket of its own: a host hands it requests. */
export interface DaoApp {
  /** Answers a web-standard request. Bound: it can be passed on as it is. Never rejects. */
  readonly fetch: (request: Request) => Promise<Response>;
  /** Answers a request of any host; for those who write one. Never rejects. */
  readonly handle: (request: HttpRequest) => Promise<HttpResponse>;
  /**
   * From now on `/ready` answers 503, because the process is about to stop, and every answer has its connection closed, so
   * that the host's server can come to its end. All else goes on.
   */
  readonly announceStop: () => void;
}

type AnyAnswer = PublicResponse | StreamedResponse;

interface Progress extends RequestProgress {
  /** What the path calls the row's id. */
  id?: Endpoint["id"];
}

/**
 * The REST API over `services`, for any host that speaks `fetch`, and for Node (see `startServer`).
 *
 * ```ts
 * const { keys } = readSettings(process.env); // of @flux/dao-http/server: SERVICE_API_KEYS, checked
 * const app = createDaoApp({ services: database, keys });
 * export default { fetch: app.fetch };
 * ```
 *
 * @throws TypeError without a key, for a key that is not 1 to 200 printable ASCII characters without a space, and for a
 *   `basePath` that is none
 */
export function createDaoApp(options: DaoAppOptions): DaoApp {
  const app = new App(options);
  const { telemetry } = options;
  const handle =
    telemetry === undefined
      ? (request: HttpRequest) => app.handle(request, {})
      : (request: HttpRequest) => telemetry.request(request, (progress) => app.handle(request, progress));
  return { handle, fetch: toFetchHandler(handle), announceStop: () => app.readiness.announceStop() };
}

class App {
  readonly readiness: Readiness;
  readonly #keys: ServiceKeys;
  readonly #logger: Logger;
  readonly #admission: Admission;
  readonly #bodies: BodyMemory;
  readonly #memory = new ResponseMemory();
  readonly #basePath: BasePath;
  readonly #open: ReadonlyMap<string, PublicRoute>;
  readonly #router = new Router<Endpoint>();

  constructor(options: DaoAppOptions) {
    const { services, keys, docs = true } = options;
    this.#basePath = new BasePath(options.basePath ?? "");
    this.readiness = new Readiness(options.readiness ?? readinessOf(services));
    this.#keys = new ServiceKeys(keys);
    this.#logger = options.logger ?? createLogger({ level: "error" });
    const { maxConcurrentRequests: atWork = CONCURRENT_REQUESTS, maxWaitingRequests: waiting = WAITING_REQUESTS } =
      options;
    this.#admission = new Admission({ atWork, waiting });
    const { bodyLimit = BODY_LIMIT, bodyTimeout = BODY_TIMEOUT } = options;
    this.#bodies = new BodyMemory(bodyLimit, bodyTimeout);
    const settings: EndpointSettings = {
      services: isSession(services) ? createDaoServices(services) : services,
      onceOnly: isSession(services) ? new OnceOnly(services, new KeySweeper(services, this.#logger)) : undefined,
      basePath: this.#basePath.prefix,
      lineLimit: bodyLimit,
      bodyTimeout,
      pieces: isSession(services) && services.pieces !== undefined ? createPieceServices(services.pieces) : undefined,
      memory: this.#memory,
    };
    for (const [name, operation] of Object.entries(operations)) {
      this.#router.add(operation.method, operation.path, new Endpoint(name, operation, settings));
    }
    this.#open = new Map<string, PublicRoute>([
      ["/health", answerHealth],
      ["/ready", () => this.readiness.answer()],
      ...(docs ? docsPages() : []),
    ]);
  }

  async handle(request: HttpRequest, progress: Progress): Promise<HttpResponse> {
    const start = performance.now();
    const requestId = requestIdOf(request.header("x-request-id"));
    const [target, query] = splitTarget(request.target);
    const path = this.#basePath.strip(target);
    let response: AnyAnswer;
    try {
      response = await this.#answer(request, path, query, progress);
    } catch (error) {
      if (error instanceof ClientGoneError) response = clientGone();
      else {
        progress.cause = error;
        response = problemResponse(error, { path: this.#basePath.prefix + path, requestId, id: progress.id });
      }
    }
    response.headers["x-request-id"] = requestId;
    if (this.readiness.isStopping) response.headers["connection"] = "close";
    const entry = {
      method: request.method,
      path: progress.route ?? null,
      status: response.status,
      ms: Math.round((performance.now() - start) * 1_000) / 1_000,
      request_id: requestId,
      caller: progress.caller ?? null,
      ...progress.trace,
    };
    logRequest(this.#logger, entry, progress.cause, isStreamed(response) ? undefined : response.warning);
    return isStreamed(response) ? { ...response, body: this.#watched(response.body, entry) } : response;
  }

  /** An answer that breaks off has its status already: the log alone can tell of it. */
  #watched(body: AsyncIterable<string>, entry: RequestLogEntry): AsyncIterable<string> {
    return watchedBody(body, (failure) => {
      if (failure !== undefined) logRequest(this.#logger, { ...entry, status: 500 }, failure.error);
    });
  }

  #answer(http: HttpRequest, path: string, query: string, progress: Progress): AnyAnswer | Promise<AnyAnswer> {
    const openPath = path.length > 1 && path.endsWith("/") ? path.slice(0, -1) : path;
    const open = this.#open.get(openPath);
    if (open !== undefined) {
      progress.route = openPath;
      if (http.method !== "GET" && http.method !== "HEAD") throw methodNotAllowed(http.method, "GET, HEAD");
      return open(path, http);
    }
    const caller = this.#keys.identify(http);
    progress.caller = caller;
    checkExpectation(http.header("expect"));
    const match = this.#router.match(path);
    if (match === undefined) {
      throw new HttpError("not_found", "There is nothing at this path. Check it against /openapi.json.");
    }
    const endpoint = match.methods.get(http.method);
    if (endpoint === undefined) throw methodNotAllowed(http.method, match.allow);
    progress.route = endpoint.path;
    progress.id = endpoint.id;
    const asked = { http, path, id: match.parameter, query, caller };
    return this.#serve(endpoint, asked);
  }

  /** The head, then the body, then a place at work: what a client takes its time for, it does without one. */
  async #serve(endpoint: Endpoint, asked: EndpointRequest): Promise<HttpResponse> {
    const { http } = asked;
    const { needsBody, work: respond } = endpoint.prepare(asked);
    const work = async (body: Uint8Array) => this.#held(http, await respond(body));
    // An import takes as long as its sender, and has its place in the data layer.
    if (endpoint.isImport) return work(NO_BODY);
    if (!needsBody) return this.#admission.admit(() => work(NO_BODY), http);
    await this.#admission.whenRoom(http);
    const { body, release } = await this.#bodies.read(http);
    try {
      return await this.#admission.admit(() => {
        release();
        return work(body);
      }, http);
    } finally {
      release();
    }
  }

  /** What is long keeps its place at work until there is memory for it, and takes part in that until it is sent. */
  #held(http: HttpRequest, response: HttpResponse): HttpResponse | Promise<HttpResponse> {
    const { body } = response;
    return typeof body === "string" && body.length > UNCOUNTED_RESPONSE ? this.#hold(http, response, body) : response;
  }

  async #hold(http: HttpRequest, { status, headers }: HttpResponse, body: string): Promise<HttpResponse> {
    const share = this.#memory.share(http.signal);
    await share.take(body.length);
    share.handedOn();
    headers["content-length"] = String(Buffer.byteLength(body));
    return { status, headers, body: unsentBody(inOne(body), share), signal: share.signal };
  }
}

async function* inOne(body: string): AsyncGenerator<string, void, undefined> {
  yield body;
}

const NO_BODY = new Uint8Array();

/** For the log, by the status that nginx gave it: nobody receives it. */
function clientGone(): HttpResponse {
  return { status: 499, headers: {}, body: undefined };
}

function methodNotAllowed(method: string, allow: string): HttpError {
  return new HttpError("method_not_allowed", `This path does not answer ${method}, but ${allow}.`, { allow });
}

/** There is one expectation, and any other must not be passed over in silence (RFC 9110, 10.1.1). */
function checkExpectation(expect: string | undefined): void {
  if (expect === undefined || expect.toLowerCase() === "100-continue") return;
  throw new InvalidRequestError([{ path: "Expect", message: "must be 100-continue, or be left out" }]);
}

function isSession(services: DaoServices | DatabaseSession): services is DatabaseSession {
  return "transaction" in services;
}

function readinessOf(services: DaoServices | DatabaseSession): ReadinessCheck {
  if (!("checkReady" in services) || typeof services.checkReady !== "function") return async () => undefined;
  const { checkReady } = services;
  return async (options) => {
    await Reflect.apply(checkReady, services, [options]);
  };
}
