import { type Histogram, INVALID_SPAN_CONTEXT, metrics, type Span, type Tracer, trace } from "@opentelemetry/api";

/** Who makes the spans and metrics, and the semantic conventions that they follow. */
const SCOPE = "@flux/dao-http";
const CONVENTIONS = { schemaUrl: "https://opentelemetry.io/schemas/1.44.0" };

/** Seconds, as the conventions have them for the duration of requests. */
const BOUNDARIES = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];

export function httpTracer(): Tracer {
  return trace.getTracerProvider().getTracer(SCOPE, undefined, CONVENTIONS);
}

/** A duration of the meter provider that is registered now: one that comes later is not found. */
export function durationHistogram(name: string, description: string): Histogram {
  const advice = { explicitBucketBoundaries: BOUNDARIES };
  return metrics.getMeter(SCOPE, undefined, CONVENTIONS).createHistogram(name, { unit: "s", description, advice });
}

/**
 * Tells the SDK something. What its parts throw that are a host's own (samplers, processors, propagators) is no reason
 * for a request to fail.
 */
export function quietly<Result>(tell: () => Result): Result | undefined {
  try {
    return tell();
  } catch {
    return undefined;
  }
}

/** A span, or one that records nothing where it cannot be started. */
export function startedSpan(start: () => Span): Span {
  return quietly(start) ?? trace.wrapSpanContext(INVALID_SPAN_CONTEXT);
}
