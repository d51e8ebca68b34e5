import * as otel from "@opentelemetry/api";
import { isDaoError } from "../contract/errors.ts";
import { isError } from "../contract/fields/realms.ts";
import type { OperationOutcome, StartedOperation } from "../session/instrumentation.ts";
import { databaseErrorFacts } from "../session/postgres-errors.ts";

/** The version of the semantic conventions. */
const CONVENTIONS = { schemaUrl: "https://opentelemetry.io/schemas/1.44.0" };

/** How an operation is recorded. */
export interface Recording {
  /** Name and options of the span. */
  readonly name: string;
  readonly options: otel.SpanOptions;
  /** Default: the active context. */
  readonly parent?: otel.Context | undefined;
  /** Whether it has no child spans. */
  readonly isLeaf?: boolean;
  /** Where its duration is recorded, if at all. */
  readonly duration: otel.Histogram | undefined;
  /** Of the duration. */
  readonly attributes: otel.Attributes;
  /** What is recorded when it ends. */
  readonly outcomeOf: (outcome: OperationOutcome) => RecordedOutcome;
}

/** What is added when an operation ends. */
export interface RecordedOutcome {
  /** Of span and duration; with `error.type` if it failed. */
  readonly attributes: otel.Attributes;
  /** Additional attributes of the span only. */
  readonly ofSpan?: otel.Attributes | undefined;
  /** Another name for the span. */
  readonly name?: string | undefined;
}

/** Records the operations of one instrumentation scope with the SDK that is registered now; one registered later is not used. */
export class OperationRecorder {
  /** For other instruments. */
  readonly meter: otel.Meter;
  readonly #tracer: otel.Tracer;
  readonly #boundaries: number[];

  /** @param boundaries of the histograms, in seconds */
  constructor(scope: string, boundaries: number[]) {
    this.meter = otel.metrics.getMeter(scope, undefined, CONVENTIONS);
    this.#tracer = otel.trace.getTracerProvider().getTracer(scope, undefined, CONVENTIONS);
    this.#boundaries = boundaries;
  }

  /** Creates the histogram of a duration. */
  histogram(name: string, description: string): otel.Histogram {
    const advice = { explicitBucketBoundaries: this.#boundaries };
    return this.meter.createHistogram(name, { unit: "s", description, advice });
  }

  /** Starts the span of an operation. Never throws. */
  start(recording: Recording): StartedOperation {
    const { name, options, parent = otel.context.active() } = recording;
    const span = quietly(() => this.#tracer.startSpan(name, options, parent));
    return new RecordedOperation(recording, parent, span ?? otel.trace.wrapSpanContext(otel.INVALID_SPAN_CONTEXT));
  }
}

class RecordedOperation implements StartedOperation {
  readonly #recording: Recording;
  readonly #span: otel.Span;
  readonly #within: otel.Context;
  readonly #begun = performance.now();

  constructor(recording: Recording, parent: otel.Context, span: otel.Span) {
    this.#recording = recording;
    this.#span = span;
    this.#within = recording.isLeaf === true ? parent : otel.trace.setSpan(parent, span);
  }

  get headers(): Record<string, string> {
    const headers = {};
    quietly(() => otel.propagation.inject(this.#within, headers));
    return headers;
  }

  get trace(): StartedOperation["trace"] {
    const spanContext = this.#span.spanContext();
    if (!otel.trace.isSpanContextValid(spanContext)) return undefined;
    return { trace_id: spanContext.traceId, span_id: spanContext.spanId };
  }

  run<Result>(work: () => Result): Result {
    return this.#recording.isLeaf === true ? work() : otel.context.with(this.#within, work);
  }

  end(outcome: OperationOutcome): void {
    const seconds = (performance.now() - this.#begun) / 1_000;
    const { duration, attributes, outcomeOf } = this.#recording;
    const recorded = outcomeOf(outcome);
    quietly(() => {
      const span = this.#span.setAttributes({ ...recorded.attributes, ...recorded.ofSpan });
      if (recorded.name !== undefined) span.updateName(recorded.name);
      // Without a message, which may contain user data.
      if ("error.type" in recorded.attributes) span.setStatus({ code: otel.SpanStatusCode.ERROR });
    });
    quietly(() => duration?.record(seconds, { ...attributes, ...recorded.attributes }));
    quietly(() => this.#span.end());
  }
}

/** Calls the SDK. An error thrown by its samplers, processors or propagators must not make a call fail, or look failed. */
export function quietly<Result>(call: () => Result): Result | undefined {
  try {
    return call();
  } catch {
    return undefined;
  }
}

/** The code of an error of the database, the driver or the system; `undefined` for any other. */
export function causeCode(error: unknown): string | undefined {
  return databaseErrorFacts(isDaoError(error) ? error.cause : error)?.code;
}

/** That code; otherwise the data layer's, or the name of the class. */
export function errorType(error: unknown, code = causeCode(error)): string {
  if (code !== undefined && /^[A-Z0-9_]{1,64}$/.test(code)) return code;
  if (isDaoError(error)) return error.code;
  return isError(error) && /^\w{1,64}$/.test(error.name) ? error.name : "_OTHER";
}
