import { AggregationTemporality, InMemoryMetricExporter } from "@opentelemetry/sdk-metrics";
import { InMemorySpanExporter } from "@opentelemetry/sdk-trace-node";
import { planWeek } from "./plan-week.ts";
import { registerSdk } from "./register-sdk.ts";
import { spanTree } from "./span-tree.ts";
import { startTracedService } from "./traced-service.ts";

const spans = new InMemorySpanExporter();
const measurements = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
const sdk = registerSdk(spans, measurements);

await using service = await startTracedService(process.env["DATABASE_URL"] ?? "memory://");
await planWeek(service.client, `ada.${crypto.randomUUID()}@example.com`);
await sdk.flush();

console.log(spanTree(spans.getFinishedSpans()).join("\n"));
for (const { scopeMetrics } of measurements.getMetrics()) {
  for (const { descriptor, dataPoints } of scopeMetrics.flatMap(({ metrics }) => metrics)) {
    console.log(`${descriptor.name} [${descriptor.unit}]: ${dataPoints.length} series`);
  }
}
