import type { DaoServices, DatabaseSession, SchemaSession, StartedOperation, Telemetry } from "@flux/dao-core";
import type { OperationName } from "@flux/dao-core/contract";
import { POSITION_HEADER } from "../api/operation.ts";
import { operations } from "../api/operations.gen.ts";
import { CorsPolicy } from "../http/cors.ts";
import { toFetchHandler } from "../http/fetch-handler.ts";
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
import { ClientGoneError, HttpError, invalidRequest, problemResponse } from "../http/problem.ts";
import { watchedBody } from "../http/response-body.ts";
import { BasePath, Router } from "../http/router.ts";
import { docsPages, guideFrom } from "../openapi/docs-pages.ts";
import { respondStartPage } from "../openapi/start-page.ts";
import * as limits from "../wire/limits.ts";
import { type Caller, callerIdentification, type ServiceKey, tenantOf } from "./auth.ts";
import { batchEndpoint } from "./batch.ts";
import { bodyReader, type HeldBody } from "./body-memory.ts";
import { changesEndpoint } from "./changes/changes-endpoint.ts";
import { Followers } from "./changes/followers.ts";
import { connectionStorm, createConcurrencyLimit } from "./concurrency-limit.ts";
import { Endpoint, type EndpointRequest, type RouteEndpoint, type ServedData } from "./endpoint.ts";
import { createReadiness, type ReadinessCheck, respondHealthy } from "./health.ts";
import { createLogger, type Logger, logRequest } from "./log.ts";
import { type Run, type Serve, type Served, standbyCheck } from "./read-replica.ts";
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

/** What is learned about a request while it is handled. */
interface Progress extends Served {
  /** The path's template, once a route is found: `/api/v1/tasks/{task_id}`. */
  route?: string;
  caller?: Caller;
  data?: ServedData;
  cause?: unknown;
  /** The path's name for the row's id, and the service's. */
  id?: Endpoint["id"];
}

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
 *   invalid `basePath` or origin
 */
export function createDaoApp(options: DaoAppOptions): DaoApp {
  let isStopping = false;
  const { services, replica, docs = true } = options;
  const { bodyLimit = limits.BODY_LIMIT, bodyTimeout = limits.BODY_TIMEOUT } = options;
  const instrumentation = options.telemetry?.instrument({});
  const basePath = new BasePath(options.basePath ?? "");
  const cors = options.corsOrigins?.length ? new CorsPolicy(options.corsOrigins) : undefined;
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
  const inProgress = options.maxConcurrentRequests ?? limits.CONCURRENT_REQUESTS;
  const waiting = options.maxWaitingRequests ?? limits.WAITING_REQUESTS;
  const memory = new ResponseMemory();
  const limit = createConcurrencyLimit({ inProgress, waiting });
  const longBodyLimit = createConcurrencyLimit({ inProgress: limits.LONG_BODIES, waiting });
  const followers = new Followers(options.maxFollowers ?? limits.FOLLOWERS, options.keys);
  const readBody = bodyReader(bodyLimit, bodyTimeout);
  const { prefix } = basePath;
  const settings = { basePath: prefix, lineLimit: bodyLimit, bodyTimeout, memory };
  const changes = { limit, memory, followers };
  const router = new Router<RouteEndpoint>();
  const { batch, ...others } = operations;
  for (const [name, operation] of Object.entries(others)) {
    const endpoint = name.startsWith("changes.")
      ? changesEndpoint(operation, changes)
      : new Endpoint(name as OperationName, operation, settings);
    router.add(operation.method, operation.path, endpoint);
  }
  router.add(batch.method, batch.path, batchEndpoint(batch, router, basePath));
  const publicRoutes = new Map<string, PublicRoute>([
    ["/", async (_, http) => respondStartPage(http, await readiness.find(isStopping), { prefix, hasDocs: docs })],
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

  async function handleStarted(request: HttpRequest, operation?: StartedOperation): Promise<HttpResponse> {
    const progress: Progress = {};
    const start = performance.now();
    const requestId = requestIdOf(request.header("x-request-id"));
    const [target, query] = splitTarget(request.target);
    const path = basePath.strip(target);
    let response: AnyResponse;
    try {
      response = await respond(request, path, query, progress);
    } catch (error) {
      // For the log, with nginx's status; no one receives it.
      if (error instanceof ClientGoneError) response = { status: 499, headers: {}, body: undefined };
      else {
        progress.cause = error;
        const help = publicRoutes.has("/guide") ? guideFrom(path) : undefined;
        response = problemResponse(error, { path: prefix + path, requestId, id: progress.id, help });
      }
    }
    response.headers["x-request-id"] = requestId;
    cors?.allow(request, response.headers);
    if (progress.position !== undefined) response.headers[POSITION_HEADER] = progress.position;
    if (isStopping) response.headers["connection"] = "close";
    const { status } = response;
    const { route, cause } = progress;
    if (status < 400) progress.data?.cleanUpChanges?.();
    const { name: caller, schema } = progress.caller ?? {};
    const entry = () => ({
      method: request.method,
      path: route ?? null,
      status,
      ms: Math.round((performance.now() - start) * 1_000) / 1_000,
      request_id: requestId,
      caller: caller ?? null,
      ...(schema !== undefined && { schema }),
      ...(progress.isReadFromStandby === true && { read_from: "standby" as const }),
      ...operation?.trace,
    });
    const words = isStreamed(response)
      ? { path: target }
      : { path: target, warning: response.warning, problem: cause === undefined ? undefined : response.body };
    const isEndless = isStreamed(response) && response.isEndless === true;
    if (!isEndless) logRequest(logger, entry(), cause, words);
    if (!isStreamed(response)) {
      const failure = status >= 500 && cause !== undefined ? { error: cause } : undefined;
      operation?.end({ status, failure, route, caller, schema });
      return response;
    }
    const ended = (failure?: { readonly error: unknown }) => {
      // The status has already been sent: only the log and telemetry can report it.
      if (failure !== undefined) logRequest(logger, { ...entry(), status: 500 }, failure.error, words);
      else if (isEndless) logRequest(logger, entry(), undefined, words);
      operation?.end({ status, failure, route, caller, schema });
    };
    return { ...response, body: watchedBody(response.body, ended, operation && ((work) => operation.run(work))) };
  }

  function respond(
    http: HttpRequest,
    path: string,
    query: string,
    progress: Progress,
  ): AnyResponse | Promise<AnyResponse> {
    const preflight = cors?.preflight(http);
    if (preflight !== undefined) return preflight;
    const publicPath = path.length > 1 && path.endsWith("/") ? path.slice(0, -1) : path;
    const route = publicRoutes.get(publicPath);
    if (route !== undefined) {
      progress.route = publicPath;
      if (http.method !== "GET" && http.method !== "HEAD") throw methodNotAllowed(http.method, "GET, HEAD");
      return route(path, http);
    }
    if (!connectionStorm.holdsRequests) return respondToCaller(http, path, query, progress);
    return connectionStorm.leave().then(() => respondToCaller(http, path, query, progress));
  }

  function respondToCaller(http: HttpRequest, path: string, query: string, progress: Progress): Promise<HttpResponse> {
    // Nothing else is there, so nothing is revealed.
    if (!maybeApi.test(path)) throw nothingHere();
    const caller = callerOf(http, path, progress);
    progress.caller = caller;
    checkExpectation(http.header("expect"));
    const match = router.match(path);
    if (match === undefined) throw nothingHere();
    const endpoint = match.methods.get(http.method);
    if (endpoint === undefined) throw methodNotAllowed(http.method, match.allow);
    progress.route = endpoint.operation.path;
    progress.id = endpoint.id;
    const data = dataBySchema.get(caller.schema);
    if (data === undefined) throw new TypeError(`No data is served for the schema ${caller.schema}.`);
    progress.data = data;
    const matched = { http, path, id: match.parameter, query, caller: caller.name, tenant: tenantOf(caller), data };
    const replica = replicas?.get(caller.schema);
    if (replica === undefined) return serve(endpoint, matched);
    const serveFrom: Serve = (source = data, run, readAfter) =>
      serve(endpoint, { ...matched, data: source, readAfter }, run);
    // With the position of the primary, so that the rows of changes can be read from the standby.
    return endpoint.operation.method === "GET" && endpoint.isOfChanges === undefined
      ? replica.serveRead(http, serveFrom, progress)
      : replica.serveWrite(serveFrom, progress);
  }

  /** @throws HttpError `invalid_service_key`; the log then has the template of the path, if it has one */
  function callerOf(http: HttpRequest, path: string, progress: Progress): Caller {
    try {
      return identify(http);
    } catch (error) {
      // A path whose percent-encoding is invalid is reported to callers with a key.
      const match = path.includes("%") ? undefined : router.match(path);
      const route = match?.methods.get(http.method)?.operation.path;
      if (route !== undefined) progress.route = route;
      throw error;
    }
  }

  async function serve(endpoint: RouteEndpoint, request: EndpointRequest, run?: Run): Promise<HttpResponse> {
    const { http } = request;
    const { input } = endpoint.operation;
    const prepared = endpoint.prepare(request);
    const respond = run === undefined ? prepared : (body: Uint8Array) => run(() => prepared(body));
    let held = NO_BODY;
    // An import takes as long as its sender; the data layer limits how many there are. Those of changes count while they read.
    if (input === "ndjson" || endpoint.isOfChanges === true) return memory.held(await respond(held.body), http);
    // Before the request counts as in progress, so that a slow client occupies no slot.
    if (input === "body") {
      // By then a body in the same packet has arrived, too.
      await limit.whenRoom(http);
      const reading = readBody(http);
      held = reading instanceof Promise ? await reading : reading;
    }
    // The objects that a long body becomes are several times as long, so it waits as it is for those before it.
    const longBodies = held.body.length > limits.LONG_BODY ? longBodyLimit : undefined;
    try {
      if (longBodies !== undefined) await longBodies.enter(http);
    } catch (error) {
      held.release();
      throw error;
    }
    try {
      const waiting = limit.enter(http);
      if (waiting === undefined) held.release();
      else await waiting.finally(held.release);
      try {
        const response = memory.held(await respond(held.body), http);
        // A long response counts as in progress until there is memory for it.
        return response instanceof Promise ? await response : response;
      } finally {
        limit.leave();
      }
    } finally {
      longBodies?.leave();
    }
  }
}

const NO_BODY: HeldBody = { body: new Uint8Array(), release: () => undefined };

/** Whether a path is at `/api` or below it, or may be, as its beginning is percent-encoded. */
const maybeApi = /^\/(?:api(?:\/|$)|[^/]*%)/;

function nothingHere(): HttpError {
  return new HttpError("not_found", "There is nothing at this path. Check it against /openapi.json.");
}

function methodNotAllowed(method: string, allow: string): HttpError {
  return new HttpError("method_not_allowed", `This path does not support ${method}, only ${allow}.`, { allow });
}

/** The only defined expectation is 100-continue; others must not be ignored (RFC 9110, 10.1.1). */
function checkExpectation(expect: string | undefined): void {
  if (expect === undefined || expect.toLowerCase() === "100-continue") return;
  throw invalidRequest("must be 100-continue, or be omitted", "Expect");
}
