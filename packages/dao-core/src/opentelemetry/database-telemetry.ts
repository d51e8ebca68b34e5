import { type Attributes, SpanKind } from "@opentelemetry/api";
import { type DatabaseAddress, nameOf } from "../connection-string/database-url.ts";
import { isDaoError } from "../contract/errors.ts";
import type {
  Instrumentation,
  InstrumentedOperation,
  OperationOutcome,
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

/** How spans and metrics are recorded. */
export interface DatabaseTelemetryOptions {
  /** The pool's name in metrics. Default: the address of the database, such as `localhost:5432/flux`. */
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
  return { instrument: (database) => instrumentationOf(database, options) };
}

/** As the conventions recommend for `db.client.operation.duration`. */
const BOUNDARIES = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10];

function instrumentationOf(source: TelemetrySource, { poolName }: DatabaseTelemetryOptions): Instrumentation {
  const recorder = new OperationRecorder("@flux/dao-core", BOUNDARIES);
  const statementDuration = recorder.histogram(
    "db.client.operation.duration",
    "Duration of database client operations.",
  );
  const unitOfWorkDuration = recorder.histogram(
    "flux_dao.unit_of_work.duration",
    "Duration of attempts at a unit of work.",
  );
  const retries = recorder.meter.createCounter("flux_dao.retries", {
    unit: "{retry}",
    description: "Statements and units of work that are retried after a serialization failure or deadlock.",
  });
  let { address } = source;
  const ownName = address === undefined ? "postgresql" : `${nameOf(address)}/${address.database}`;
  if (source.pool !== undefined) measurePool(source.pool, poolName ?? ownName, recorder);
  /** By the text of the statement, which names the schema, and by the schema of a unit of work. */
  const recordings = new Map<string, Recording>();

  /** One for each statement of each schema; with many schemas, only the most recent ones are kept. */
  function remembered(key: string, make: () => Recording): Recording {
    if (source.address !== address) {
      address = source.address;
      recordings.clear();
    }
    let recording = recordings.get(key);
    if (recording === undefined) {
      recording = make();
      if (recordings.size >= MAX_RECORDINGS) recordings.clear();
      recordings.set(key, recording);
    }
    return recording;
  }

  function ofStatement({ text, schema }: Extract<InstrumentedOperation, { kind: "statement" }>): Recording {
    const { text: name, operation, table } = summarize(text);
    const attributes = {
      ...databaseAttributes(address, schema),
      "db.query.summary": name,
      ...(operation !== undefined && { "db.operation.name": operation }),
      ...(table !== undefined && { "db.collection.name": table }),
    };
    // Not an attribute of the metric: there are too many texts.
    const options = { kind: SpanKind.CLIENT, attributes: { ...attributes, "db.query.text": text } };
    return { name, options, isLeaf: true, duration: statementDuration, attributes, outcomeOf };
  }

  function ofUnitOfWork({ isNested, schema }: Extract<InstrumentedOperation, { kind: "unit of work" }>): Recording {
    const attributes = databaseAttributes(address, schema);
    const name = isNested ? "nested unit of work" : "unit of work";
    // A nested one is part of an outer one, which is measured.
    const duration = isNested ? undefined : unitOfWorkDuration;
    return { name, options: { attributes }, duration, attributes, outcomeOf };
  }

  return {
    start(operation) {
      if (operation.kind === "statement") {
        return recorder.start(remembered(operation.text, () => ofStatement(operation)));
      }
      if (operation.kind !== "unit of work") return undefined;
      const key = `${operation.isNested} ${operation.schema}`;
      return recorder.start(remembered(key, () => ofUnitOfWork(operation)));
    },
    retried: (kind, error) => {
      quietly(() => retries.add(1, { "flux_dao.retry.of": kind, ...failureAttributes(error) }));
    },
  };
}

const MAX_RECORDINGS = 4_096;

function outcomeOf({ failure, rows }: OperationOutcome): RecordedOutcome {
  return {
    attributes: failure === undefined ? {} : failureAttributes(failure.error),
    ofSpan: rows === undefined ? {} : { "db.response.returned_rows": rows },
  };
}

/** The namespace is the database and the schema, as the conventions have it for PostgreSQL. */
function databaseAttributes(address: DatabaseAddress | undefined, schema: string): Attributes {
  const system = { "db.system.name": "postgresql" };
  if (address === undefined) return { ...system, "db.namespace": schema };
  const { host, port, database } = address;
  return {
    ...system,
    "db.namespace": `${database}|${schema}`,
    "server.address": host,
    // The conventions omit the default port.
    ...(port !== 5432 && { "server.port": port }),
  };
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

/** A bare `update` belongs to a lock (`for update`) or to an insert (`do update`), and a count of written rows to the write. */
const keywords =
  /\b(?:(explain|select)\b(?! count\(\*\) as count from written)|(insert into|delete from|update|from|join) (?:"(?:[^"]|"")+"\.)?"(\w+)")/g;

/** Binds a value that a condition uses twice; not an operation. */
const binding = /\(select .* as decompressed\)/;

/**
 * Summarizes a statement of the data layer as Drizzle renders it, without values, and with low cardinality: operations and tables in
 * the order of the text (`insert goals insert milestones select`), and the operation and the table if there is only one.
 */
export function summarize(statement: string) {
  const own = new Set([...statement.matchAll(/"(\w+)" as \(/g)].map(([, name]) => name));
  const words: string[] = [];
  const [operations, tables] = [new Set<string>(), new Set<string>()];
  for (const [, bare, keyword = "", name] of statement.replace(binding, "").matchAll(keywords)) {
    const [operation = ""] = (bare ?? keyword).split(" ");
    // Keywords that precede a table but are not operations.
    if (operation !== "from" && operation !== "join") {
      // A query and the query nested in it count as one operation.
      if (words.at(-1) !== operation) words.push(operation);
      operations.add(operation);
    }
    if (name === undefined || own.has(name)) continue;
    words.push(name);
    tables.add(name);
  }
  return { text: words.join(" "), operation: only(operations), table: only(tables) };
}

function only(names: ReadonlySet<string>): string | undefined {
  const [first, second] = names;
  return second === undefined ? first : undefined;
}
