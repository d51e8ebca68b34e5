/**
 * Spans and metrics of an app's requests and a client's calls for OpenTelemetry. Needs `@opentelemetry/api`.
 *
 * @module @flux/dao-http/opentelemetry
 */

import type { InstrumentedCall, InstrumentedOperation, InstrumentedRequest, Telemetry } from "@flux/dao-core";
import { errorType, OperationRecorder, quietly, type Recording } from "@flux/dao-core/opentelemetry";
import * as otel from "@opentelemetry/api";
import { operations } from "../api/operations.gen.ts";
import { splitTarget } from "../http/http-message.ts";
import { toProblem } from "../http/problem.ts";
import { OWN_PATHS } from "../http/router.ts";
import { isError } from "../wire/realms.ts";

/** Seconds, from the conventions for the duration of requests. */
const BOUNDARIES = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];

/**
 * Records server spans and the duration of requests by OpenTelemetry's semantic conventions with the registered SDK, and continues
 * the caller's trace. Register the SDK first; without one, nothing is recorded.
 *
 * ```ts
 * const app = createDaoApp({ services, keys, telemetry: appTelemetry() });
 * ```
 *
 * Names: docs/how-to/observe.md. They contain no ids, queries or bodies.
 */
export function appTelemetry(): Telemetry {
  return httpTelemetry("server", (operation, duration) =>
    operation.kind === "request" ? requestRecording(operation.request, duration) : undefined,
  );
}

/**
 * Records client spans and the duration of calls by OpenTelemetry's semantic conventions with the registered SDK, and propagates the
 * trace context. Register the SDK first; without one, nothing is recorded or sent.
 *
 * ```ts
 * const { tasks } = createDaoClient({ baseUrl, serviceKey, telemetry: clientTelemetry() });
 * ```
 *
 * Do not combine it with an instrumentation of `fetch`, which does the same and sends the context a second time.
 */
export function clientTelemetry(): Telemetry {
  return httpTelemetry("client", (operation, duration) =>
    operation.kind === "call" ? callRecording(operation, duration) : undefined,
  );
}

function httpTelemetry(
  side: "server" | "client",
  recordingOf: (operation: InstrumentedOperation, duration: otel.Histogram) => Recording | undefined,
): Telemetry {
  return {
    instrument() {
      const recorder = new OperationRecorder("@flux/dao-http", BOUNDARIES);
      const duration = recorder.histogram(`http.${side}.request.duration`, `Duration of HTTP ${side} requests.`);
      return {
        start(operation) {
          const recording = recordingOf(operation, duration);
          return recording && recorder.start(recording);
        },
      };
    },
  };
}

const methods = /^(?:CONNECT|DELETE|GET|HEAD|OPTIONS|PATCH|POST|PUT|QUERY|TRACE)$/;

function requestRecording(request: InstrumentedRequest, duration: otel.Histogram): Recording {
  const [parent, isServed] = parentOf(request);
  const isKnown = methods.test(request.method);
  const method = isKnown ? request.method : "HTTP";
  const { protocolVersion } = request;
  const attributes = {
    "http.request.method": isKnown ? method : "_OTHER",
    "url.scheme": schemeOf(request),
    ...(protocolVersion !== undefined && { "network.protocol.version": protocolVersion }),
  };
  const ofSpan = { ...attributes, "url.path": shownPath(request), ...hostAttributes(request) };
  return {
    name: method,
    options: { kind: isServed ? otel.SpanKind.INTERNAL : otel.SpanKind.SERVER, attributes: ofSpan },
    parent,
    // The host measures the requests that it traces.
    duration: isServed ? undefined : duration,
    attributes,
    outcomeOf: ({ status = 0, failure, route, caller, schema }) => ({
      attributes: {
        "http.response.status_code": status,
        ...(route !== undefined && { "http.route": route }),
        ...(status >= 500 && { "error.type": String(status) }),
        ...(failure !== undefined && { "error.type": toProblem(failure.error, { path: "", requestId: "" }).code }),
      },
      ...(caller !== undefined && {
        ofSpan: { "flux_dao.caller": caller, ...(schema !== undefined && { "flux_dao.schema": schema }) },
      }),
      ...(route !== undefined && { name: `${method} ${route}` }),
    }),
  };
}

const headers: otel.TextMapGetter<InstrumentedRequest> = {
  get: (request, name) => request.header(name.toLowerCase()),
  // The propagators of the conventions use names.
  keys: () => [],
};

/** The caller's span, or one of this process nearer to the request; and whether the host already traces the request. */
function parentOf(request: InstrumentedRequest): [parent: otel.Context, isServed: boolean] {
  const here = otel.context.active();
  const local = otel.trace.getSpanContext(here);
  const nearest = local === undefined ? here : otel.ROOT_CONTEXT;
  const extracted = quietly(() => otel.propagation.extract(nearest, request, headers)) ?? nearest;
  const remote = otel.trace.getSpanContext(extracted);
  const isServed =
    local !== undefined &&
    (remote === undefined || (local.traceId === remote.traceId && local.spanId !== remote.spanId));
  return [isServed ? here : extracted, isServed];
}

/** The segments of the API's own paths. Any others are ids, or what else a caller wrote. */
const words: ReadonlySet<string> = new Set(
  [...Object.values(operations).map(({ path }) => path), ...OWN_PATHS].flatMap((path) => path.split("/")),
);

/** A path for a span: the conventions' word stands for each segment that is not a word of the API. */
function shownPath({ target }: InstrumentedRequest): string {
  return splitTarget(target)[0].replace(/[^/]+/g, (segment) => (words.has(segment) ? segment : "REDACTED"));
}

/** The caller's scheme, before any proxy. */
function schemeOf(request: InstrumentedRequest): string {
  const forwarded = request.header("x-forwarded-proto");
  return forwarded === "http" || forwarded === "https" ? forwarded : (request.scheme ?? "http");
}

/** The requested host; nothing if the header has no host name. */
function hostAttributes(request: InstrumentedRequest): otel.Attributes {
  const host = request.header("x-forwarded-host") ?? request.header("host");
  const [, name, ipv6, port] = /^(?:([\w.-]{1,253})|\[([0-9a-f:.]{2,45})\])(?::(\d{1,5}))?$/i.exec(host ?? "") ?? [];
  const address = name ?? ipv6;
  return address === undefined
    ? {}
    : { "server.address": address, ...(port !== undefined && { "server.port": Number(port) }) };
}

function callRecording({ method, baseUrl, path, attempt }: InstrumentedCall, duration: otel.Histogram): Recording {
  const attributes = { "http.request.method": method, "url.template": path, ...serverAttributes(baseUrl) };
  const ofSpan = {
    ...attributes,
    "url.full": baseUrl + path.replace(/\{\w+\}/, "REDACTED"),
    ...(attempt > 1 && { "http.request.resend_count": attempt - 1 }),
  };
  return {
    name: `${method} ${path}`,
    options: { kind: otel.SpanKind.CLIENT, attributes: ofSpan },
    duration,
    attributes,
    outcomeOf: ({ status, failure }) => ({
      attributes: {
        ...(status !== undefined && { "http.response.status_code": status }),
        ...(status !== undefined && status >= 400 && { "error.type": String(status) }),
        ...(failure !== undefined && { "error.type": isTimeout(failure.error) ? "timeout" : errorType(failure.error) }),
      },
    }),
  };
}

const isTimeout = (error: unknown) => isError(error) && error.name === "TimeoutError";

function serverAttributes(baseUrl: string): otel.Attributes {
  const { protocol, hostname, port } = new URL(baseUrl);
  const usual = protocol === "https:" ? 443 : 80;
  return { "server.address": hostname.replace(/^\[(.*)\]$/, "$1"), "server.port": port === "" ? usual : Number(port) };
}
