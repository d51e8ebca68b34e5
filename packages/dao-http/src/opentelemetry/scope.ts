import { type Histogram, INVALID_SPAN_CONTEXT, metrics, type Span, type Tracer, trace } from "@opentelemetry/api";

/** The instrumentation scope, and its semantic conventions. */
const SCOPE = "@flux/dao-http";
const CONVENTIONS = { schemaUrl: "https://opentelemetry.io/schemas/1.44.0" };

/** Seconds, from the conventions for the duration of requests. */
const BOUNDARIES = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];

export function httpTracer(): Tracer {
  return trace.getTracerProvider().getTracer(SCOPE, undefined, CONVENTIONS);
}

/** A duration with the meter provider registered now: a later one is not found. */
export function durationHistogram(name: string, description: string): Histogram {
  const advice = { explicitBucketBoundaries: BOUNDARIES };
  return metrics.getMeter(SCOPE, undefined, CONVENTIONS).createHistogram(name, { unit: "s", description, advice });
}

/**
 * Calls the SDK. An error of an application's own parts of it (samplers, processors, propagators) must not fail the request.
 */
export function quietly<Result>(call: () => Result): Result | undefined {
  try {
    return call();
  } catch {
    return undefined;
  }
}

/** A span, or one that records nothing if it cannot be started. */
export function startedSpan(start: () => Span): Span {
  return quietly(start) ?? trace.wrapSpanContext(INVALID_SPAN_CONTEXT);
}
