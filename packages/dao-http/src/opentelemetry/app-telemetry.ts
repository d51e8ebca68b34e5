import {
  type Attributes,
  type Context,
  context,
  type Histogram,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type TextMapGetter,
  type Tracer,
  trace,
} from "@opentelemetry/api";
import type { AppTelemetry, RequestProgress } from "../app/request-telemetry.ts";
import { type HttpRequest, type HttpResponse, isStreamed } from "../http/http-message.ts";
import { toProblem } from "../http/problem.ts";
import { watchedBody } from "../http/response-body.ts";
import { type RequestAttributes, requestAttributes } from "./request-attributes.ts";
import { durationHistogram, httpTracer, quietly, startedSpan } from "./scope.ts";

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
export function appTelemetry(): AppTelemetry {
  return new OpenTelemetryApp();
}

const headers: TextMapGetter<HttpRequest> = {
  get: (request, name) => request.header(name.toLowerCase()),
  // The propagators of the conventions use names.
  keys: () => [],
};

class OpenTelemetryApp implements AppTelemetry {
  readonly #tracer: Tracer = httpTracer();
  readonly #duration: Histogram = durationHistogram(
    "http.server.request.duration",
    "Duration of HTTP server requests.",
  );

  async request(
    request: HttpRequest,
    handle: (progress: RequestProgress) => Promise<HttpResponse>,
  ): Promise<HttpResponse> {
    const parent = parentOf(request);
    const attributes = requestAttributes(request);
    const kind = parent.isServed ? SpanKind.INTERNAL : SpanKind.SERVER;
    const options = { kind, attributes: attributes.ofSpan };
    const span = startedSpan(() => this.#tracer.startSpan(attributes.method, options, parent.context));
    // The host measures the requests that it traces.
    const traced = new TracedRequest(span, parent.isServed ? undefined : this.#duration, attributes);
    const within = trace.setSpan(parent.context, span);
    const response = await context.with(within, handle, undefined, traced.progress);
    if (!isStreamed(response)) {
      traced.ended(response.status);
      return response;
    }
    return {
      ...response,
      body: watchedBody(inContext(response.body, within), (failure) => traced.ended(response.status, failure?.error)),
    };
  }
}

interface Parent {
  readonly context: Context;
  /** Whether the host already traces this request, as an instrumentation of its server does. */
  readonly isServed: boolean;
}

/** The caller's span, or a span of this process nearer to the request. */
function parentOf(request: HttpRequest): Parent {
  const here = context.active();
  const local = trace.getSpanContext(here);
  const nearest = local === undefined ? here : ROOT_CONTEXT;
  const extracted = quietly(() => propagation.extract(nearest, request, headers)) ?? nearest;
  const remote = trace.getSpanContext(extracted);
  const isServed =
    local !== undefined &&
    (remote === undefined || (local.traceId === remote.traceId && local.spanId !== remote.spanId));
  return { context: isServed ? here : extracted, isServed };
}

/** A request in progress. */
class TracedRequest {
  readonly progress: RequestProgress;
  readonly #span: Span;
  readonly #duration: Histogram | undefined;
  readonly #attributes: RequestAttributes;
  readonly #begun = performance.now();
  #hasEnded = false;

  constructor(span: Span, duration: Histogram | undefined, attributes: RequestAttributes) {
    const spanContext = span.spanContext();
    const isTraced = trace.isSpanContextValid(spanContext);
    this.progress = { trace: isTraced ? { trace_id: spanContext.traceId, span_id: spanContext.spanId } : undefined };
    this.#span = span;
    this.#duration = duration;
    this.#attributes = attributes;
  }

  /** @param brokeOff why the response could not be completed after its status was sent */
  ended(status: number, brokeOff?: unknown): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    const { route, caller, cause = brokeOff } = this.progress;
    const hasFailed = status >= 500 || brokeOff !== undefined;
    const outcome: Attributes = {
      "http.response.status_code": status,
      ...(route !== undefined && { "http.route": route }),
      ...(hasFailed && { "error.type": cause === undefined ? String(status) : codeOf(cause) }),
    };
    const seconds = (performance.now() - this.#begun) / 1_000;
    quietly(() => {
      const span = this.#span.setAttributes(outcome);
      if (route !== undefined) span.updateName(`${this.#attributes.method} ${route}`);
      if (caller !== undefined) span.setAttribute("flux_dao.caller", caller);
      // A rejection is the caller's error, not the server's.
      if (hasFailed) span.setStatus({ code: SpanStatusCode.ERROR });
    });
    quietly(() => this.#duration?.record(seconds, { ...this.#attributes.ofMetric, ...outcome }));
    quietly(() => this.#span.end());
  }
}

/** The code of the problem that the caller gets for an error. */
function codeOf(error: unknown): string {
  return toProblem(error, { path: "", requestId: "" }).code;
}

/** The body, each piece produced within the request's span. */
function inContext(body: AsyncIterable<string>, within: Context): AsyncIterable<string> {
  return {
    [Symbol.asyncIterator]() {
      const pieces = body[Symbol.asyncIterator]();
      return {
        next: () => context.with(within, () => pieces.next()),
        async return() {
          await pieces.return?.();
          return { done: true, value: undefined };
        },
      };
    },
  };
}
