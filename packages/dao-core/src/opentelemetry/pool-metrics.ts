import type { BatchObservableResult } from "@opentelemetry/api";
import type { InstrumentedPool } from "../session/instrumentation.ts";
import { type OperationRecorder, quietly } from "./operation-recorder.ts";

/** Names of the open pools, each unique within the process. */
const taken = new Set<string>();

function uniqueName(name: string): string {
  let unique = name;
  for (let number = 2; taken.has(unique); number++) unique = `${name}#${number}`;
  taken.add(unique);
  return unique;
}

/** Measures a pool: its usage when metrics are collected, and each wait for a connection. */
export function measurePool(pool: InstrumentedPool, poolName: string, recorder: OperationRecorder): void {
  const { meter } = recorder;
  const name = uniqueName(poolName);
  const attributes = { "db.client.connection.pool.name": name };
  const used = { ...attributes, "db.client.connection.state": "used" };
  const idle = { ...attributes, "db.client.connection.state": "idle" };
  const wait = recorder.histogram(
    "db.client.connection.wait_time",
    "The time it took to obtain an open connection from the pool.",
  );
  const timeouts = meter.createCounter("db.client.connection.timeouts", {
    unit: "{timeout}",
    description: "The number of connection timeouts that have occurred trying to obtain a connection from the pool.",
  });
  const gauge = (name: string, unit: string, description: string) =>
    meter.createObservableUpDownCounter(`db.client.connection.${name}`, { unit, description });
  const inState = "The number of connections that are currently in state described by the state attribute.";
  const count = gauge("count", "{connection}", inState);
  const max = gauge("max", "{connection}", "The maximum number of open connections allowed.");
  const ofPending = "The number of current pending requests for an open connection.";
  const pending = gauge("pending_requests", "{request}", ofPending);
  let isClosed = false;
  const observe = (result: BatchObservableResult) => {
    // A closed pool is reported once more, as empty, since an SDK keeps the last value; unless its name is in use again.
    if (isClosed) queueMicrotask(() => meter.removeBatchObservableCallback(observe, observed));
    if (isClosed && taken.has(name)) return;
    const { usage } = pool;
    result.observe(count, usage.used, used);
    result.observe(count, usage.idle, idle);
    result.observe(max, isClosed ? 0 : usage.size, attributes);
    result.observe(pending, usage.waiting, attributes);
  };
  const observed = [count, max, pending];
  meter.addBatchObservableCallback(observe, observed);
  pool.observe({
    acquired: (milliseconds) => quietly(() => wait.record(milliseconds / 1_000, attributes)),
    timedOut: () => quietly(() => timeouts.add(1, attributes)),
    closed: () => {
      isClosed = true;
      taken.delete(name);
    },
  });
}
