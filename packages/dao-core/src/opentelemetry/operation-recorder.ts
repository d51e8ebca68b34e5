import {
  type Attributes,
  type Context,
  context,
  type Histogram,
  INVALID_SPAN_CONTEXT,
  type Meter,
  metrics,
  propagation,
  type Span,
  type SpanOptions,
  SpanStatusCode,
  type Tracer,
  trace,
} from "@opentelemetry/api";
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
  readonly options: SpanOptions;
  /** Default: the active context. */
  readonly parent?: Context | undefined;
  /** Whether it has no child spans. */
  readonly isLeaf?: boolean;
  /** Where its duration is recorded, if at all. */
  readonly duration: Histogram | undefined;
  /** Of the duration. */
  readonly attributes: Attributes;
  /** What is recorded when it ends. */
  readonly outcomeOf: (outcome: OperationOutcome) => RecordedOutcome;
}

/** What is added when an operation ends. */
export interface RecordedOutcome {
  /** Of span and duration; with `error.type` if it failed. */
  readonly attributes: Attributes;
  /** Additional attributes of the span only. */
  readonly ofSpan?: Attributes | undefined;
  /** Another name for the span. */
  readonly name?: string | undefined;
}

/** Records the operations of one instrumentation scope with the SDK that is registered now; one registered later is not used. */
export class OperationRecorder {
  /** For other instruments. */
  readonly meter: Meter;
  readonly #tracer: Tracer;
  readonly #boundaries: number[];

  /** @param boundaries of the histograms, in seconds */
  constructor(scope: string, boundaries: number[]) {
    this.meter = metrics.getMeter(scope, undefined, CONVENTIONS);
    this.#tracer = trace.getTracerProvider().getTracer(scope, undefined, CONVENTIONS);
    this.#boundaries = boundaries;
  }

  /** Creates the histogram of a duration. */
  histogram(name: string, description: string): Histogram {
    const advice = { explicitBucketBoundaries: this.#boundaries };
    return this.meter.createHistogram(name, { unit: "s", description, advice });
  }

  /** Starts the span of an operation. Never throws. */
  start(recording: Recording): StartedOperation {
    const { name, options, parent = context.active() } = recording;
    const span = quietly(() => this.#tracer.startSpan(name, options, parent));
    return new RecordedOperation(recording, parent, span ?? trace.wrapSpanContext(INVALID_SPAN_CONTEXT));
  }
}

class RecordedOperation implements StartedOperation {
  readonly #recording: Recording;
  readonly #span: Span;
  readonly #within: Context;
  readonly #begun = performance.now();

  constructor(recording: Recording, parent: Context, span: Span) {
    this.#recording = recording;
    this.#span = span;
    this.#within = recording.isLeaf === true ? parent : trace.setSpan(parent, span);
  }

  get headers(): Record<string, string> {
    const headers = {};
    quietly(() => propagation.inject(this.#within, headers));
    return headers;
  }

  get trace(): StartedOperation["trace"] {
    const spanContext = this.#span.spanContext();
    if (!trace.isSpanContextValid(spanContext)) return undefined;
    return { trace_id: spanContext.traceId, span_id: spanContext.spanId };
  }

  run<Result>(work: () => Result): Result {
    return this.#recording.isLeaf === true ? work() : context.with(this.#within, work);
  }

  end(outcome: OperationOutcome): void {
    const seconds = (performance.now() - this.#begun) / 1_000;
    const { duration, attributes, outcomeOf } = this.#recording;
    const recorded = outcomeOf(outcome);
    quietly(() => {
      const span = this.#span.setAttributes({ ...recorded.attributes, ...recorded.ofSpan });
      if (recorded.name !== undefined) span.updateName(recorded.name);
      // Without a message, which may contain user data.
      if ("error.type" in recorded.attributes) span.setStatus({ code: SpanStatusCode.ERROR });
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
