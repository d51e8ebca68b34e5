import {
  type Attributes,
  type Context,
  context,
  type Histogram,
  propagation,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from "@opentelemetry/api";
import type { CallOutcome, CallSpan, ClientTelemetry, TracedCall } from "../client/call-telemetry.ts";
import { durationHistogram, httpTracer, quietly, startedSpan } from "./scope.ts";

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
export function clientTelemetry(): ClientTelemetry {
  return new OpenTelemetryClient();
}

class OpenTelemetryClient implements ClientTelemetry {
  readonly #tracer: Tracer = httpTracer();
  readonly #duration: Histogram = durationHistogram(
    "http.client.request.duration",
    "Duration of HTTP client requests.",
  );

  begin({ method, baseUrl, path, attempt }: TracedCall): CallSpan {
    const attributes = { "http.request.method": method, "url.template": path, ...serverAttributes(baseUrl) };
    const ofSpan = {
      ...attributes,
      "url.full": baseUrl + path.replace(/\{\w+\}/, "REDACTED"),
      ...(attempt > 1 && { "http.request.resend_count": attempt - 1 }),
    };
    const span = startedSpan(() =>
      this.#tracer.startSpan(`${method} ${path}`, { kind: SpanKind.CLIENT, attributes: ofSpan }),
    );
    return new SentCall(span, this.#duration, attributes);
  }
}

class SentCall implements CallSpan {
  readonly headers: Record<string, string> = {};
  readonly #span: Span;
  readonly #within: Context;
  readonly #duration: Histogram;
  readonly #attributes: Attributes;
  readonly #begun = performance.now();

  constructor(span: Span, duration: Histogram, attributes: Attributes) {
    this.#span = span;
    this.#within = trace.setSpan(context.active(), span);
    this.#duration = duration;
    this.#attributes = attributes;
    quietly(() => propagation.inject(this.#within, this.headers));
  }

  run<Result>(send: () => Result): Result {
    return context.with(this.#within, send);
  }

  ended({ status, error, isLate }: CallOutcome): void {
    const outcome: Attributes = {
      ...(status !== 0 && { "http.response.status_code": status }),
      ...(isLate && { "error.type": "timeout" }),
      ...(!isLate && error !== undefined && { "error.type": errorType(error) }),
      ...(error === undefined && status >= 400 && { "error.type": String(status) }),
    };
    const seconds = (performance.now() - this.#begun) / 1_000;
    quietly(() => {
      const span = this.#span.setAttributes(outcome);
      if (outcome["error.type"] !== undefined) span.setStatus({ code: SpanStatusCode.ERROR });
    });
    quietly(() => this.#duration.record(seconds, { ...this.#attributes, ...outcome }));
    quietly(() => this.#span.end());
  }
}

function serverAttributes(baseUrl: string): Attributes {
  const { protocol, hostname, port } = new URL(baseUrl);
  const usual = protocol === "https:" ? 443 : 80;
  return {
    "server.address": hostname.replace(/^\[(.*)\]$/, "$1"),
    "server.port": port === "" ? usual : Number(port),
  };
}

/** The system's or `fetch`'s code, such as `ECONNREFUSED`, or else the name of the class. */
function errorType(error: unknown): string {
  for (let cause = error, depth = 0; typeof cause === "object" && cause !== null && depth < 8; depth++) {
    const code: unknown = Reflect.get(cause, "code");
    if (typeof code === "string" && /^[A-Z0-9_]{1,64}$/.test(code)) return code;
    cause = Reflect.get(cause, "cause");
  }
  return error instanceof Error && /^\w{1,64}$/.test(error.name) ? error.name : "_OTHER";
}
