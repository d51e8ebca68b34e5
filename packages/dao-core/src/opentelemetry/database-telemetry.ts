import { type Attributes, SpanKind } from "@opentelemetry/api";
import type { DatabaseAddress } from "../connection-string/database-url.ts";
import { isDaoError } from "../contract/errors.ts";
import type {
  Instrumentation,
  InstrumentedOperation,
  OperationOutcome,
  StartedOperation,
  Telemetry,
  TelemetrySource,
} from "../session/instrumentation.ts";
import { toDaoError } from "../session/postgres-errors.ts";
import {
  causeCode,
  errorType,
  OperationRecorder,
  quietly,
  type RecordedOutcome,
  type Recording,
} from "./operation-recorder.ts";
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
  return { instrument: (database) => new DatabaseInstrumentation(database, options) };
}

/** As the conventions advise for `db.client.operation.duration`. */
const BOUNDARIES = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10];

class DatabaseInstrumentation implements Instrumentation {
  readonly #recorder = new OperationRecorder("@flux/dao-core", BOUNDARIES);
  readonly #statementDuration = this.#recorder.histogram(
    "db.client.operation.duration",
    "Duration of database client operations.",
  );
  readonly #retries = this.#recorder.meter.createCounter("flux_dao.retries", {
    unit: "{retry}",
    description: "Statements and units of work that are retried after a serialization failure or deadlock.",
  });
  readonly #attributes: Attributes;
  /** By the text of the statement. */
  readonly #statements = new Map<string, Recording>();
  readonly #unitOfWork: Recording;
  readonly #nestedUnitOfWork: Recording;

  constructor({ address, pool }: TelemetrySource, { poolName = defaultPoolName(address) }: DatabaseTelemetryOptions) {
    const attributes = { "db.system.name": "postgresql", ...(address !== undefined && addressAttributes(address)) };
    this.#attributes = attributes;
    this.#unitOfWork = {
      name: "unit of work",
      options: { attributes },
      duration: this.#recorder.histogram("flux_dao.unit_of_work.duration", "Duration of attempts at a unit of work."),
      attributes,
      outcomeOf,
    };
    // Part of an outer one, which is measured.
    this.#nestedUnitOfWork = { ...this.#unitOfWork, name: "nested unit of work", duration: undefined };
    if (pool !== undefined) measurePool(pool, poolName, this.#recorder);
  }

  start(operation: InstrumentedOperation): StartedOperation | undefined {
    switch (operation.kind) {
      case "statement":
        return this.#recorder.start(this.#statement(operation.text));
      case "unit of work":
        return this.#recorder.start(operation.isNested ? this.#nestedUnitOfWork : this.#unitOfWork);
      default:
        return undefined;
    }
  }

  retried(kind: "statement" | "unit of work", error: unknown): void {
    quietly(() => this.#retries.add(1, { "flux_dao.retry.of": kind, ...failureAttributes(error) }));
  }

  #statement(text: string): Recording {
    let recording = this.#statements.get(text);
    if (recording === undefined) {
      const { text: name, operation, table } = summarize(text);
      const attributes = {
        ...this.#attributes,
        "db.query.summary": name,
        ...(operation !== undefined && { "db.operation.name": operation }),
        ...(table !== undefined && { "db.collection.name": table }),
      };
      // The text has too many values for a metric.
      const options = { kind: SpanKind.CLIENT, attributes: { ...attributes, "db.query.text": text } };
      recording = { name, options, isLeaf: true, duration: this.#statementDuration, attributes, outcomeOf };
      this.#statements.set(text, recording);
    }
    return recording;
  }
}

function outcomeOf({ failure, rows }: OperationOutcome): RecordedOutcome {
  return {
    attributes: failure === undefined ? {} : failureAttributes(failure.error),
    ofSpan: rows === undefined ? {} : { "db.response.returned_rows": rows },
  };
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
  const code = causeCode(error);
  const daoError = toDaoError(error);
  return {
    "error.type": errorType(error, code),
    ...(code !== undefined && sqlState.test(code) && { "db.response.status_code": code }),
    ...(isDaoError(daoError) && { "flux_dao.error.code": daoError.code }),
  };
}
