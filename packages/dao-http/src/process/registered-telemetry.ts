import type { ServiceTelemetry } from "../opentelemetry/service-telemetry.ts";

/** Where the copies of `@opentelemetry/api` in a process, whatever their version, find what was registered with one. */
const REGISTRY = Symbol.for("opentelemetry.js.api.1");

/**
 * Spans and metrics for the OpenTelemetry SDK that was registered before, as by `node --import ./otel.js`; `undefined`
 * where none was. Then nothing is loaded, too.
 * @throws Error if the API is not installed where this package finds it
 */
export async function registeredTelemetry(): Promise<ServiceTelemetry | undefined> {
  if (!isRegistered()) return undefined;
  const { createServiceTelemetry } = await import("../opentelemetry/service-telemetry.ts");
  return createServiceTelemetry();
}

function isRegistered(): boolean {
  const registry: unknown = Reflect.get(globalThis, REGISTRY);
  return typeof registry === "object" && registry !== null && ("trace" in registry || "metrics" in registry);
}
