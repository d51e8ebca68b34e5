import { type DatabaseSession, joinHost } from "@flux/dao-core";
import { type DaoServices, UnavailableError } from "@flux/dao-core/contract";
import { describe, expect, test } from "vitest";
import { within } from "../../../../test/within.ts";
import { stubServices } from "../testing/services-stub.ts";
import { testApp } from "../testing/test-app.ts";
import { VERSION } from "../wire/version.gen.ts";

describe("probes", () => {
  const noKey = { headers: { "X-Flux-Service-Key": "" } };

  test("/health needs nothing", async () => {
    const { call } = testApp(undefined, { readiness: () => Promise.reject(new Error("down")) });
    expect(await call("GET", "/health", noKey)).toMatchObject({
      status: 200,
      body: { status: "ok", version: VERSION },
    });
  });

  test("/ready says whether the service is ready, or why not", async () => {
    const ready = testApp();
    expect(await ready.call("GET", "/ready", noKey)).toMatchObject({ status: 200, body: { status: "ready" } });
    const down = testApp(undefined, { readiness: () => Promise.reject(new UnavailableError("No database.")) });
    const body = { status: "not_ready", detail: "No database." };
    expect(await down.call("GET", "/ready/", noKey)).toMatchObject({ status: 503, body });
    const broken = testApp(undefined, { readiness: () => Promise.reject(new Error("secret")) });
    expect((await broken.call("GET", "/ready", noKey)).text).not.toContain("secret");
  });

  test("/ready gives each of several concurrent requests its own id", async () => {
    const { call } = testApp(undefined, { readiness: () => new Promise((resolve) => setTimeout(resolve, 20)) });
    const ids = ["first", "second", "third"];
    const responses = await Promise.all(ids.map((id) => call("GET", "/ready", { headers: { "X-Request-Id": id } })));
    expect(responses.map(({ headers }) => headers.get("x-request-id"))).toEqual(ids);
  });

  test("/ready responds within 2 s when the database hangs, checks it once for all probes, and aborts the check", async () => {
    const signals: AbortSignal[] = [];
    const { call } = testApp(undefined, {
      readiness: ({ signal }) => {
        signals.push(signal);
        return new Promise(() => undefined);
      },
    });
    const answers = await within(2_000, () =>
      Promise.all([call("GET", "/ready", noKey), call("GET", "/ready", noKey)]),
    );
    expect(answers.map(({ status }) => status)).toEqual([503, 503]);
    expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
  });

  test("/ready is 200 though one of its schemas is silent, as one that a migration has locked, and names it", async () => {
    let isSilent = true;
    const unused = () => Promise.reject(new Error("not used"));
    const driver = { description: "none", isTransaction: false, execute: unused, transaction: unused, close: unused };
    const inSchema = (schema: string): DatabaseSession =>
      Object.assign(joinHost(driver, { schema }), {
        withSchema: inSchema,
        checkReady: () => (schema === "locked" && isSilent ? new Promise<void>(() => undefined) : Promise.resolve()),
      });
    const session = inSchema("locked");
    const keys = [
      { name: "operator", key: "key-0" },
      { name: "acme", key: "key-1", schema: "tenant_1" },
      { name: "umbrella", key: "key-2", schema: "tenant_2" },
    ];
    const { call, lines } = testApp(undefined, { services: session, keys });
    const partly = { status: "ready", schemas_not_ready: ["locked"] };
    for (let probe = 0; probe < 2; probe++) {
      expect(await within(2_000, () => call("GET", "/ready", noKey))).toMatchObject({ status: 200, body: partly });
    }
    const fields = { status: 200, detail: "1 of 3 schemas cannot be used. The schema locked did not respond in time." };
    expect(lines.at(-1)).toMatchObject({ level: "warn", fields });
    isSilent = false;
    expect((await call("GET", "/ready", noKey)).body).toEqual({ status: "ready" });
  });

  test("/ready is 503 as soon as the service is about to stop", async () => {
    const { app, call } = testApp();
    app.announceStop();
    expect(await call("GET", "/ready", noKey)).toMatchObject({ status: 503, body: { status: "not_ready" } });
    expect((await call("GET", "/health", noKey)).status).toBe(200);
  });

  test("the reason is logged as a warning; a planned stop is not", async () => {
    const { app, call, lines } = testApp(undefined, { readiness: () => Promise.reject(new UnavailableError("Gone.")) });
    await call("GET", "/ready", noKey);
    expect(lines.at(-1)).toMatchObject({ level: "warn", fields: { path: "/ready", status: 503, detail: "Gone." } });
    app.announceStop();
    await call("GET", "/ready", noKey);
    expect(lines.at(-1)).toMatchObject({ level: "debug", fields: { path: "/ready", status: 503 } });
  });

  test("a database is checked by its own checkReady", async () => {
    const { services } = stubServices();
    const session: DaoServices & { checkReady(): Promise<void> } = {
      ...services,
      checkReady: () => Promise.reject(new UnavailableError("Gone.")),
    };
    const { call } = testApp(undefined, { services: session });
    expect((await call("GET", "/ready", noKey)).body).toEqual({ status: "not_ready", detail: "Gone." });
  });
});
