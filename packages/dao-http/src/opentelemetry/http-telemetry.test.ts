import { propagation, type TextMapPropagator } from "@opentelemetry/api";
import { afterEach, expect, test } from "vitest";
import { createDaoApp } from "../app/app.ts";
import { createDaoClient } from "../client/dao-client.ts";
import { sampleResult } from "../testing/connected-client.ts";
import { stubServices } from "../testing/services-stub.ts";
import { appTelemetry, clientTelemetry } from "./index.ts";

afterEach(() => propagation.disable());

test("a host's propagator that throws does not make a call fail, on either side", async () => {
  const refuse = () => {
    throw new Error("propagator");
  };
  const propagator: TextMapPropagator = { inject: refuse, extract: refuse, fields: () => [] };
  propagation.setGlobalPropagator(propagator);
  const logger = { info: () => undefined, warn: () => undefined, error: () => undefined };
  const keys = [{ name: "test", key: "k" }];
  const { services } = stubServices(({ method }) => sampleResult(method));
  const app = createDaoApp({ services, keys, logger, telemetry: appTelemetry() });
  const { users } = createDaoClient({
    baseUrl: "http://service",
    serviceKey: "k",
    telemetry: clientTelemetry(),
    fetch: (url, init) => app.fetch(new Request(url, init)),
    retry: false,
  });
  expect(await users.listUsers()).toMatchObject({ items: [] });
});
