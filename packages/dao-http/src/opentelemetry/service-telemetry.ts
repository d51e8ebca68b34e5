import { setTimeout as delay } from "node:timers/promises";
import { metrics, trace } from "@opentelemetry/api";
import { TELEMETRY_FLUSH_TIMEOUT } from "../wire/limits.ts";

export { databaseTelemetry } from "@flux/dao-core/opentelemetry";
export { appTelemetry } from "./index.ts";

/** Makes the SDK send what it has buffered, before the process ends. Never rejects. */
export async function flush(): Promise<void> {
  const flushed = Promise.allSettled([trace.getTracerProvider(), metrics.getMeterProvider()].map(flushProvider));
  await Promise.race([flushed, delay(TELEMETRY_FLUSH_TIMEOUT, undefined, { ref: false })]);
}

/** The API's span provider wraps the SDK's. The method is in the SDKs, but not in the API's types. */
async function flushProvider(provider: object): Promise<void> {
  await Object(Object(provider).getDelegate?.() ?? provider).forceFlush?.();
}
