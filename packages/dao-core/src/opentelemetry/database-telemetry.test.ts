import { type Histogram, type Meter, metrics, type Tracer, trace } from "@opentelemetry/api";
import { afterEach, describe, expect, test, vi } from "vitest";
import { instrumented } from "../session/executor.ts";
import { databaseTelemetry } from "./database-telemetry.ts";

/** Registers an SDK whose tracer starts spans this way. */
function register(startSpan: () => never | { end: () => never }): void {
  const tracer: unknown = { startSpan };
  // Only what is called here.
  trace.setGlobalTracerProvider({ getTracer: () => tracer as Tracer });
}

/** Registers an SDK whose every call throws. */
function registerFailingMeter(): void {
  const record = () => {
    throw new Error("processor of attributes");
  };
  const instrument: unknown = { record, add: record };
  const histogram = instrument as Histogram;
  const meter: unknown = { createHistogram: () => histogram, createCounter: () => histogram };
  metrics.setGlobalMeterProvider({ getMeter: () => meter as Meter });
}

afterEach(() => {
  trace.disable();
  metrics.disable();
});

describe("a statement runs once, and its result is unchanged", () => {
  const answer = { rows: [] };
  const failure = new Error("refused");
  const run = async (statement: () => Promise<typeof answer>) => {
    const called = vi.fn(statement);
    const instrumentation = databaseTelemetry().instrument({});
    const outcome = instrumented(
      instrumentation,
      { kind: "statement", text: "select 1", schema: "public" },
      called,
      ({ rows }) => ({
        rows: rows.length,
      }),
    );
    await outcome.catch(() => undefined);
    expect(called).toHaveBeenCalledOnce();
    return outcome;
  };

  test.each([
    ["where no SDK is registered", () => undefined],
    [
      "where a sampler or a processor throws at the beginning",
      () =>
        register(() => {
          throw new Error("sampler");
        }),
    ],
    [
      "where a processor throws at the end",
      () => {
        const end = () => {
          throw new Error("processor");
        };
        const span = { end, setAttribute: () => span, setAttributes: () => span, setStatus: () => span };
        register(() => span);
      },
    ],
    [
      "where a processor throws when it is notified of the result",
      () => {
        const refuse = () => {
          throw new Error("processor");
        };
        register(() => ({ end: refuse, setAttribute: refuse, setAttributes: refuse, setStatus: refuse }));
      },
    ],
    ["where a metric cannot be recorded", registerFailingMeter],
  ])("%s", async (_, prepare) => {
    prepare();
    await expect(run(async () => answer)).resolves.toBe(answer);
    await expect(run(() => Promise.reject(failure))).rejects.toBe(failure);
  });
});
