import { setTimeout as delay } from "node:timers/promises";
import type { Telemetry } from "@flux/dao-core";
import { databaseTelemetry } from "@flux/dao-core/opentelemetry";
import { metrics, trace } from "@opentelemetry/api";
import { TELEMETRY_FLUSH_TIMEOUT } from "../wire/limits.ts";
import { appTelemetry } from "./http-telemetry.ts";

/** The service's telemetry. */
export interface ServiceTelemetry {
  readonly app: Telemetry;
  readonly database: Telemetry;
  /** Makes the SDK send what it has buffered, before the process ends. Never rejects. */
  flush(): Promise<void>;
}

export function createServiceTelemetry(): ServiceTelemetry {
  return { app: appTelemetry(), database: databaseTelemetry(), flush };
}

async function flush(): Promise<void> {
  const providers = [delegateOf(trace.getTracerProvider()), metrics.getMeterProvider()];
  const flushed = Promise.allSettled(providers.map((provider) => callIfThere(provider, "forceFlush")));
  await Promise.race([flushed, delay(TELEMETRY_FLUSH_TIMEOUT, undefined, { ref: false })]);
}

/** The SDK's own provider, which the API wraps. */
function delegateOf(provider: object): object {
  const getDelegate: unknown = Reflect.get(provider, "getDelegate");
  const delegate: unknown = typeof getDelegate === "function" ? Reflect.apply(getDelegate, provider, []) : provider;
  return typeof delegate === "object" && delegate !== null ? delegate : provider;
}

/** The API has no such method; the SDKs do. */
async function callIfThere(provider: object, name: string): Promise<void> {
  const method: unknown = Reflect.get(provider, name);
  if (typeof method === "function") await Reflect.apply(method, provider, []);
}
