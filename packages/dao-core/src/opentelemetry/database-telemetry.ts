import {
  type Attributes,
  context,
  type Histogram,
  INVALID_SPAN_CONTEXT,
  type Span,
  SpanKind,
  type SpanOptions,
  SpanStatusCode,
  type Tracer,
  trace,
} from "@opentelemetry/api";
import type { DatabaseAddress } from "../connection-string/database-url.ts";
import { isDaoError } from "../contract/errors.ts";
import { databaseErrorFacts, toDaoError } from "../session/postgres-errors.ts";
import type { Retry } from "../session/retry.ts";
import type { CountedRows, DatabaseTelemetry, ObservedDatabase, Telemetry } from "../session/telemetry.ts";
import { CONVENTIONS, createInstruments, type Instruments, quietly, SCOPE } from "./instruments.ts";
import { measurePool } from "./pool-metrics.ts";
import { summarize } from "./query-summary.ts";

/** How spans and metrics are recorded. */
export interface DatabaseTelemetryOptions {
  /** The pool's name in metrics. Default: the address of the database, such as `localhost:5432/flux|public`. */
  readonly poolName?: string | undefined;
}

/**
 * Records spans and metrics by OpenTelemetry's semantic conventions with the SDK that is registered; without one nothing is
 * recorded. Register it before the first call.
 *
 * ```ts
 * await using db = await openDatabase(url, { telemetry: databaseTelemetry() });
 * ```
 *
 * Names: docs/how-to/observe.md. They contain the text of statements, but no values.
 */
export function databaseTelemetry(options: DatabaseTelemetryOptions = {}): Telemetry {
  return { observe: (database) => new OpenTelemetryDatabase(database, options) };
}

/** What all executions of a statement have in common. */
interface Query {
  readonly summary: string;
  readonly attributes: Attributes;
  /** With attributes of too high a cardinality for a metric. */
  readonly spanAttributes: Attributes;
}

class OpenTelemetryDatabase implements DatabaseTelemetry {
  readonly #tracer: Tracer = trace.getTracerProvider().getTracer(SCOPE, undefined, CONVENTIONS);
  readonly #instruments: Instruments = createInstruments();
  readonly #attributes: Attributes;
  readonly #queries = new Map<string, Query>();
  readonly closed: () => void;

  constructor({ address, pool }: ObservedDatabase, { poolName }: DatabaseTelemetryOptions) {
    this.#attributes = { "db.system.name": "postgresql", ...(address !== undefined && addressAttributes(address)) };
    this.closed =
      pool === undefined ? () => undefined : measurePool(pool, poolName ?? defaultPoolName(address), this.#instruments);
  }

  statement<Result extends CountedRows>(text: string, run: () => Promise<Result>): Promise<Result> {
    const { summary, attributes, spanAttributes } = this.#query(text);
    const span = this.#start(summary, { kind: SpanKind.CLIENT, attributes: spanAttributes });
    return traced(span, run, {
      duration: this.#instruments.statementDuration,
      attributes,
      onResult: ({ rows }) => span.setAttribute("db.response.returned_rows", rows.length),
    });
  }

  unitOfWork<Result>(isNested: boolean, run: () => Promise<Result>): Promise<Result> {
    const attributes = this.#attributes;
    const span = this.#start(isNested ? "nested unit of work" : "unit of work", { attributes });
    const within = trace.setSpan(context.active(), span);
    return traced(span, () => context.with(within, run), {
      // A nested one is part of an outer one, which is measured.
      duration: isNested ? undefined : this.#instruments.unitOfWorkDuration,
      attributes,
    });
  }

  retried(what: "statement" | "unit of work", { error }: Retry): void {
    const attributes = { "flux_dao.retry.of": what, ...failureAttributes(error) };
    quietly(() => this.#instruments.retries.add(1, attributes));
  }

  #start(name: string, options: SpanOptions): Span {
    return quietly(() => this.#tracer.startSpan(name, options)) ?? trace.wrapSpanContext(INVALID_SPAN_CONTEXT);
  }

  #query(text: string): Query {
    let query = this.#queries.get(text);
    if (query === undefined) {
      const { text: summary, operation, table } = summarize(text);
      const attributes = {
        ...this.#attributes,
        "db.query.summary": summary,
        ...(operation !== undefined && { "db.operation.name": operation }),
        ...(table !== undefined && { "db.collection.name": table }),
      };
      query = { summary, attributes, spanAttributes: { ...attributes, "db.query.text": text } };
      this.#queries.set(text, query);
    }
    return query;
  }
}

interface Measure<Result> {
  readonly duration: Histogram | undefined;
  readonly attributes: Attributes;
  readonly onResult?: (result: Result) => void;
}

/** Runs the work of a span, and ends the span with it. */
async function traced<Result>(span: Span, run: () => Promise<Result>, measure: Measure<Result>): Promise<Result> {
  const { duration, attributes, onResult } = measure;
  const begun = performance.now();
  const end = (failure?: Attributes) => {
    const seconds = (performance.now() - begun) / 1_000;
    quietly(() => duration?.record(seconds, failure === undefined ? attributes : { ...attributes, ...failure }));
    quietly(() => span.end());
  };
  let result: Result;
  try {
    result = await run();
  } catch (error) {
    const failure = failureAttributes(error);
    // Without a message, which may contain user data.
    quietly(() => span.setAttributes(failure).setStatus({ code: SpanStatusCode.ERROR }));
    end(failure);
    throw error;
  }
  quietly(() => onResult?.(result));
  end();
  return result;
}

function addressAttributes({ host, port, ...address }: DatabaseAddress): Attributes {
  return {
    "db.namespace": namespaceOf(address),
    "server.address": host.replace(/^\[(.*)\]$/, "$1"),
    // The conventions omit the default port.
    ...(port !== 5432 && { "server.port": port }),
  };
}

function namespaceOf({ database, schema }: Pick<DatabaseAddress, "database" | "schema">): string {
  return schema === undefined ? database : `${database}|${schema}`;
}

function defaultPoolName(address: DatabaseAddress | undefined): string {
  return address === undefined ? "postgresql" : `${address.host}:${address.port}/${namespaceOf(address)}`;
}

/** Classes 00 to 99, F0, HV, P0 and XX (PostgreSQL manual, appendix A), which excludes codes such as `EPIPE`. */
const sqlState = /^(?:\d\d|F0|HV|P0|XX)[0-9A-Z]{3}$/;

/** Returns a failure's codes and class name, but no message, which may contain user data. */
function failureAttributes(error: unknown): Attributes {
  const code = databaseErrorFacts(isDaoError(error) ? error.cause : error)?.code;
  const daoError = toDaoError(error);
  return {
    "error.type": errorType(error, code),
    ...(code !== undefined && sqlState.test(code) && { "db.response.status_code": code }),
    ...(isDaoError(daoError) && { "flux_dao.error.code": daoError.code }),
  };
}

/** The SQLSTATE; otherwise the code of the driver, the system or the data layer; otherwise the name of the class. */
function errorType(error: unknown, code: string | undefined): string {
  if (code !== undefined && /^[A-Z0-9_]{1,64}$/.test(code)) return code;
  if (isDaoError(error)) return error.code;
  return error instanceof Error && /^\w{1,64}$/.test(error.name) ? error.name : "_OTHER";
}
