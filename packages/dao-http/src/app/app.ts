import type { DaoServices, DatabaseSession, SchemaSession, StartedOperation, Telemetry } from "@flux/dao-core";
import type { OperationName } from "@flux/dao-core/contract";
import { POSITION_HEADER } from "../api/operation.ts";
import { operations } from "../api/operations.gen.ts";
import { corsPolicy } from "../http/cors.ts";
import { toFetchHandler } from "../http/fetch-handler.ts";
import {
  type HttpRequest,
  type HttpResponse,
  isStreamed,
  type PublicResponse,
  type PublicRoute,
  requestIdOf,
  type StreamedResponse,
  setCommonHeaders,
  splitTarget,
} from "../http/http-message.ts";
import { ClientGoneError, HttpError, invalidRequest, problemResponse } from "../http/problem.ts";
import { watchedBody } from "../http/response-body.ts";
import { type BasePath, basePathOf, Router } from "../http/router.ts";
import { docsPages, guideFrom } from "../openapi/docs-pages.ts";
import { respondStartPage } from "../openapi/start-page.ts";
import * as limits from "../wire/limits.ts";
import { bodyReader, createAdmission } from "./admission.ts";
import { type Caller, callerIdentification, type ServiceKey } from "./auth.ts";
import { batchEndpoint } from "./batch.ts";
import { changesEndpoint } from "./changes/changes-endpoint.ts";
import { Followers } from "./changes/followers.ts";
import { connectionStorm } from "./concurrency-limit.ts";
import { Endpoint, type RouteEndpoint, type ServedData } from "./endpoint.ts";
import { createReadiness, type ReadinessCheck, respondHealthy } from "./health.ts";
import { createLogger, type Logger, logRequest, type RequestLogEntry } from "./log.ts";
import { type Serve, type Served, standbyCheck } from "./read-replica.ts";
import { ResponseMemory } from "./response-memory.ts";
import { dataOf, inSchema, readinessOf, replicasOf, schemaOf } from "./served-data.ts";

export interface DaoAppOptions {
  /** What handles the requests: a database, a unit of work, or other services. */
  readonly services: DaoServices | DatabaseSession;
  /**
   * A database opened with `readOnly` on a standby of `services`, which must be a database then. GETs are sent there while it is ready
   * and lags by no more than its `maxLag`, and see the writes whose `Flux-Position` they have. Default: none.
   */
  readonly replica?: SchemaSession | undefined;
  /** The keys of the callers: at least one, each of 1 to 200 printable ASCII characters without a space. */
  readonly keys: readonly ServiceKey[];
  /** For `/ready`. Default: the session's own check, if `services` is a database; otherwise it is always ready. */
  readonly readiness?: ReadinessCheck | undefined;
  /** Receives one line per request. Default: errors only, on standard output. */
  readonly logger?: Logger | undefined;
  /** Size limit of a request body, in bytes. Default 1 MiB. */
  readonly bodyLimit?: number | undefined;
  /**
   * Milliseconds within which 10,000 bytes of a request body, or its end, must arrive, then another 10,000; otherwise the
   * response is a 408. Only time spent waiting for the sender counts. Default 30,000.
   */
  readonly bodyTimeout?: number | undefined;
  /** API requests in progress at a time; others wait. Default 128. */
  readonly maxConcurrentRequests?: number | undefined;
  /** API requests that may wait; further ones are rejected with a 503. Default 1,000. */
  readonly maxWaitingRequests?: number | undefined;
  /**
   * Requests that may wait for changes at a time, or stream them; further ones are rejected with a 503. If there are several keys, those of
   * one schema together, or one that is bound to none, have at most as many as are left for others. Default 1,000.
   */
  readonly maxFollowers?: number | undefined;
  /** Whether `/docs`, `/redoc`, `/guide`, `/explore` and `/openapi.json` are served. Default `true`. */
  readonly docs?: boolean | undefined;
  /**
   * The path under which a host mounts the app, such as `/dao`. Requests are accepted with it and, for hosts and proxies that
   * remove it, without it; `Location` headers and problems include it. Default: the root.
   */
  readonly basePath?: string | undefined;
  /**
   * Origins such as `https://app.example.com` whose pages a browser lets call the API. Everyone who uses such a page can read its key:
   * give it one of its own, bound to a schema if possible. Default: none.
   */
  readonly corsOrigins?: readonly string[] | undefined;
  /** Records spans and metrics of requests: `appTelemetry()` of `@flux/dao-http/opentelemetry`. Default: none. */
  readonly telemetry?: Telemetry | undefined;
}

/** The REST API, without a socket: a host passes requests to it. */
export interface DaoApp {
  /** Handles a web-standard request. Bound, so it can be passed as a function. Never rejects. */
  readonly fetch: (request: Request) => Promise<Response>;
  /** Handles a request of any host; for authors of host adapters. Never rejects. */
  readonly handle: (request: HttpRequest) => Promise<HttpResponse>;
  /**
   * Makes `/ready` respond with 503, since the process is about to stop, and closes the connection after each response, so that
   * the host's server can stop. Requests that wait for changes, or stream them, end with their last cursor. Everything else
   * continues.
   */
  readonly announceStop: () => void;
}

type AnyResponse = PublicResponse | StreamedResponse;

/** A request while it is handled, and what is learned about it. */
class Exchange implements Served {
  readonly http: HttpRequest;
  readonly requestId: string;
  /** As sent; `path` is the app's own. */
  readonly target: string;
  readonly path: string;
  readonly query: string;
  /** The path's template, once a route is found: `/api/v1/tasks/{task_id}`. */
  route: string | undefined;
  /** The path's name for the row's id, and the service's. */
  id: Endpoint["id"];
  caller: Caller | undefined;
  data: ServedData | undefined;
  cause: unknown;
  position: string | undefined;
  isReadFromStandby = false;
  readonly #operation: StartedOperation | undefined;
  readonly #start = performance.now();

  constructor(http: HttpRequest, basePath: BasePath, operation: StartedOperation | undefined) {
    this.http = http;
    this.requestId = requestIdOf(http.header("x-request-id"));
    [this.target, this.query] = splitTarget(http.target);
    this.path = basePath.strip(this.target);
    this.#operation = operation;
  }

  /** Writes the log line. */
  log(logger: Logger, status: number, cause: unknown, { warning, body }: Partial<PublicResponse> = {}): void {
    const { caller } = this;
    const entry: RequestLogEntry = {
      method: this.http.method,
      path: this.route ?? null,
      status,
      ms: Math.round((performance.now() - this.#start) * 1_000) / 1_000,
      request_id: this.requestId,
      caller: caller?.name ?? null,
      ...(caller?.schema !== undefined && { schema: caller.schema }),
      ...(this.isReadFromStandby && { read_from: "standby" }),
      ...this.#operation?.trace,
    };
    logRequest(logger, entry, cause, { path: this.target, warning, problem: cause === undefined ? undefined : body });
  }

  /** Ends the span. */
  end(status: number, failure?: { readonly error: unknown }): void {
    const { route, caller } = this;
    this.#operation?.end({ status, failure, route, caller: caller?.name, schema: caller?.schema });
  }

  /** The response, whose end is logged if it is late or a failure: by then only the log and telemetry can report it. */
  watch(response: StreamedResponse, logger: Logger): StreamedResponse {
    const { status, isEndless = false } = response;
    const operation = this.#operation;
    if (!isEndless) this.log(logger, status, undefined);
    const ended = (failure?: { readonly error: unknown }) => {
      if (failure !== undefined) this.log(logger, 500, failure.error);
      else if (isEndless) this.log(logger, status, undefined);
      this.end(status, failure);
    };
    return { ...response, body: watchedBody(response.body, ended, operation && ((work) => operation.run(work))) };
  }
}

const SMALLEST = { bodyLimit: 1, bodyTimeout: 1, maxConcurrentRequests: 1, maxWaitingRequests: 0, maxFollowers: 0 };

/**
 * Creates the REST API over `services`, for any host that supports `fetch`, and for Node (see `startServer`).
 *
 * ```ts
 * const { keys } = readSettings(process.env); // of @flux/dao-http/server: SERVICE_API_KEYS, checked
 * const app = createDaoApp({ services: database, keys });
 * export default { fetch: app.fetch };
 * ```
 *
 * @throws TypeError without a key, for a key that is not 1 to 200 printable ASCII characters without a space, and for an
 *   invalid `basePath`, origin or limit
 */
export function createDaoApp(options: DaoAppOptions): DaoApp {
  limits.checkLimits(options, SMALLEST);
  let isStopping = false;
  const { services, replica, docs = true } = options;
  const { bodyLimit = limits.BODY_LIMIT, bodyTimeout = limits.BODY_TIMEOUT } = options;
  const { maxConcurrentRequests: inProgress = limits.CONCURRENT_REQUESTS } = options;
  const { maxWaitingRequests: waiting = limits.WAITING_REQUESTS } = options;
  const instrumentation = options.telemetry?.instrument({});
  const basePath = basePathOf(options.basePath ?? "");
  const cors = options.corsOrigins?.length ? corsPolicy(options.corsOrigins) : undefined;
  const identify = callerIdentification(options.keys);
  const logger = options.logger ?? createLogger({ level: "error" });
  const schemas = [...new Set(options.keys.map(({ schema }) => schema))];
  const served = schemas.map((schema) => [schema, inSchema(services, schema)] as const);
  /** The data that requests work on, by the schema of their keys. */
  const dataBySchema = new Map(served.map(([schema, own]) => [schema, dataOf(own, logger)]));
  /** Where the reads of these schemas are sent; absent if there is no standby. */
  const replicas = replica && replicasOf(services, replica, schemas, logger);
  const readiness = createReadiness(
    options.readiness === undefined
      ? served.map(([schema, own]) => ({ schema: schema ?? schemaOf(own), check: readinessOf(own) }))
      : [{ schema: undefined, check: options.readiness }],
    replica && standbyCheck(schemas[0] === undefined ? replica : replica.withSchema(schemas[0])),
  );
  const memory = new ResponseMemory();
  const admission = createAdmission({ inProgress, waiting }, bodyReader(bodyLimit, bodyTimeout), memory);
  const followers = new Followers(options.maxFollowers ?? limits.FOLLOWERS, options.keys);
  const { prefix } = basePath;
  const { limit } = admission;
  const settings = { basePath: prefix, lineLimit: bodyLimit, bodyTimeout, memory, limit, followers };
  const router = new Router<RouteEndpoint>();
  const { batch, ...others } = operations;
  for (const [name, operation] of Object.entries(others)) {
    const endpoint = name.startsWith("changes.")
      ? changesEndpoint(operation, settings)
      : new Endpoint(name as OperationName, operation, settings);
    router.add(operation.method, operation.path, endpoint);
  }
  router.add(batch.method, batch.path, batchEndpoint(batch, router, basePath));
  const publicRoutes = new Map<string, PublicRoute>([
    ["/", async (_, http) => respondStartPage(http, await readiness.find(isStopping), prefix, docs)],
    ["/health", respondHealthy],
    ["/ready", () => readiness.respond(isStopping)],
    ...(docs ? docsPages : []),
  ]);

  const announceStop = () => {
    isStopping = true;
    followers.stop();
  };

  const handle = (request: HttpRequest): Promise<HttpResponse> => {
    const operation = instrumentation?.start({ kind: "request", request });
    return operation === undefined ? handleStarted(request) : operation.run(() => handleStarted(request, operation));
  };

  return { fetch: toFetchHandler(handle), handle, announceStop };

  async function handleStarted(http: HttpRequest, operation?: StartedOperation): Promise<HttpResponse> {
    const exchange = new Exchange(http, basePath, operation);
    let response: AnyResponse;
    try {
      response = await respond(exchange);
    } catch (error) {
      response = failedResponse(exchange, error);
    }
    const { status, headers } = response;
    setCommonHeaders(headers, exchange.requestId);
    cors?.allow(http, headers);
    if (exchange.position !== undefined) headers[POSITION_HEADER] = exchange.position;
    if (isStopping) headers["connection"] = "close";
    if (status < 400) exchange.data?.cleanUpChanges?.();
    if (isStreamed(response)) return exchange.watch(response, logger);
    const { cause } = exchange;
    exchange.log(logger, status, cause, response);
    exchange.end(status, status >= 500 && cause !== undefined ? { error: cause } : undefined);
    return response;
  }

  function failedResponse(exchange: Exchange, error: unknown): PublicResponse {
    // For the log, with nginx's status; no one receives it.
    if (error instanceof ClientGoneError) return { status: 499, headers: {}, body: undefined };
    const { path, requestId, id } = exchange;
    exchange.cause = error;
    const help = publicRoutes.has("/guide") ? guideFrom(path) : undefined;
    return problemResponse(error, { path: prefix + path, requestId, id, help });
  }

  function respond(exchange: Exchange): AnyResponse | Promise<AnyResponse> {
    const { http, path } = exchange;
    const preflight = cors?.preflight(http);
    if (preflight !== undefined) return preflight;
    const publicPath = path.length > 1 && path.endsWith("/") ? path.slice(0, -1) : path;
    const route = publicRoutes.get(publicPath);
    if (route !== undefined) {
      exchange.route = publicPath;
      if (http.method !== "GET" && http.method !== "HEAD") throw methodNotAllowed(http.method, "GET, HEAD");
      return route(path, http);
    }
    if (!connectionStorm.holdsRequests) return respondToCaller(exchange);
    return connectionStorm.leave().then(() => respondToCaller(exchange));
  }

  function respondToCaller(exchange: Exchange): Promise<HttpResponse> {
    const { http, path, query } = exchange;
    // Nothing else is there, so nothing is revealed.
    if (!maybeApi.test(path)) throw nothingAt(exchange.target);
    const caller = callerOf(exchange);
    exchange.caller = caller;
    checkExpectation(http.header("expect"));
    const match = router.match(path);
    if (match === undefined) throw nothingAt(exchange.target);
    const endpoint = match.methods.get(http.method);
    if (endpoint === undefined) throw methodNotAllowed(http.method, match.allow);
    exchange.route = endpoint.operation.path;
    exchange.id = endpoint.id;
    const data = dataBySchema.get(caller.schema);
    if (data === undefined) throw new TypeError(`No data is served for the schema ${caller.schema}.`);
    exchange.data = data;
    const matched = { http, path, id: match.parameter, query, caller, data };
    const replica = replicas?.get(caller.schema);
    if (replica === undefined) return admission.serve(endpoint, matched);
    const serveFrom: Serve = (source = data, run, readAfter) =>
      admission.serve(endpoint, { ...matched, data: source, readAfter }, run);
    // With the position of the primary, so that the rows of changes can be read from the standby.
    return endpoint.operation.method === "GET" && endpoint.isOfChanges === undefined
      ? replica.serveRead(http, serveFrom, exchange)
      : replica.serveWrite(serveFrom, exchange);
  }

  /** @throws HttpError `invalid_service_key`; the log then has the template of the path, if it has one */
  function callerOf(exchange: Exchange): Caller {
    const { http, path } = exchange;
    try {
      return identify(http);
    } catch (error) {
      // A path whose percent-encoding is invalid is reported to callers with a key.
      const match = path.includes("%") ? undefined : router.match(path);
      exchange.route = match?.methods.get(http.method)?.operation.path;
      throw error;
    }
  }
}

/** Whether a path is at `/api` or below it, or may be, as its beginning is percent-encoded. */
const maybeApi = /^\/(?:api(?:\/|$)|[^/]*%)/;

function nothingAt(target: string): HttpError {
  return new HttpError("not_found", `There is nothing at ${target}. Check it against /openapi.json.`);
}

function methodNotAllowed(method: string, allow: string): HttpError {
  return new HttpError("method_not_allowed", `This path does not support ${method}, only ${allow}.`, { allow });
}

/** The only defined expectation is 100-continue; others must not be ignored (RFC 9110, 10.1.1). */
function checkExpectation(expect: string | undefined): void {
  if (expect === undefined || expect.toLowerCase() === "100-continue") return;
  throw invalidRequest("must be 100-continue, or be omitted", "Expect");
}
