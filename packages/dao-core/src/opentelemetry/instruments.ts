import { type Counter, type Histogram, type Meter, metrics } from "@opentelemetry/api";

/** The instrumentation scope, and the semantic conventions that it follows. */
export const SCOPE = "@flux/dao-core";
export const CONVENTIONS = { schemaUrl: "https://opentelemetry.io/schemas/1.44.0" };

/** In seconds, as the conventions advise for `db.client.operation.duration`. */
const BOUNDARIES = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10];

/** The synchronous instruments, and the meter for the others. */
export interface Instruments {
  readonly meter: Meter;
  readonly statementDuration: Histogram;
  readonly unitOfWorkDuration: Histogram;
  readonly retries: Counter;
  readonly connectionWait: Histogram;
  readonly connectionTimeouts: Counter;
}

/** Creates the instruments of the meter provider that is registered now; one registered later is not used. */
export function createInstruments(): Instruments {
  const meter = metrics.getMeter(SCOPE, undefined, CONVENTIONS);
  const seconds = (name: string, description: string) =>
    meter.createHistogram(name, { unit: "s", description, advice: { explicitBucketBoundaries: BOUNDARIES } });
  return {
    meter,
    statementDuration: seconds("db.client.operation.duration", "Duration of database client operations."),
    unitOfWorkDuration: seconds("flux_dao.unit_of_work.duration", "Duration of attempts at a unit of work."),
    retries: meter.createCounter("flux_dao.retries", {
      unit: "{retry}",
      description: "Statements and units of work that are retried after a serialization failure or deadlock.",
    }),
    connectionWait: seconds(
      "db.client.connection.wait_time",
      "The time it took to obtain an open connection from the pool.",
    ),
    connectionTimeouts: meter.createCounter("db.client.connection.timeouts", {
      unit: "{timeout}",
      description: "The number of connection timeouts that have occurred trying to obtain a connection from the pool.",
    }),
  };
}

/**
 * Calls the SDK. An error thrown by its samplers, processors or propagators is the application's own, and no reason for a
 * statement to fail, or to be reported as failed after it succeeded.
 */
export function quietly<Result>(call: () => Result): Result | undefined {
  try {
    return call();
  } catch {
    return undefined;
  }
}
