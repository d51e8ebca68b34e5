import { metrics } from "@opentelemetry/api";
import { MeterProvider, PeriodicExportingMetricReader, type PushMetricExporter } from "@opentelemetry/sdk-metrics";
import { NodeTracerProvider, SimpleSpanProcessor, type SpanExporter } from "@opentelemetry/sdk-trace-node";

/** The SDK of a process. */
export interface Sdk {
  /** Sends what was measured so far. */
  flush(): Promise<void>;
}

/**
 * Registers an SDK that sends spans and metrics to these exporters: in production those of
 * `@opentelemetry/exporter-trace-otlp-proto` and `@opentelemetry/exporter-metrics-otlp-proto`, and a `BatchSpanProcessor`.
 * Call it before anything creates spans or metrics.
 */
export function registerSdk(spans: SpanExporter, measurements: PushMetricExporter): Sdk {
  const tracerProvider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] });
  // With async context, and W3C trace context in request headers.
  tracerProvider.register();
  const meterProvider = new MeterProvider({ readers: [new PeriodicExportingMetricReader({ exporter: measurements })] });
  metrics.setGlobalMeterProvider(meterProvider);
  return {
    async flush() {
      await Promise.all([tracerProvider.forceFlush(), meterProvider.forceFlush()]);
    },
  };
}
