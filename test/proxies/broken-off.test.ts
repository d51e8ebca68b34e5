import { spawn } from "node:child_process";
import { once } from "node:events";
import { createDaoApp } from "@flux/dao-http";
import { createLogger, startServer } from "@flux/dao-http/server";
import { describe, expect, test } from "vitest";
import { sampleResult } from "../../packages/dao-http/src/testing/connected-client.ts";
import { stubServices } from "../../packages/dao-http/src/testing/services-stub.ts";
import { hasApache, startApache } from "./apache.ts";
import { hasHaproxy, startHaproxy } from "./haproxy.ts";
import { hasNginx, startNginx } from "./nginx.ts";
import { hasProgram, type RunningProxy } from "./proxy.ts";

const key = "broken-off-key";
const path = "/api/v1/tasks/stream";
const logger = createLogger({ level: "silent" });
const hasCurl = hasProgram("curl", "--version");

/** How many rows are sent first; by then the proxies have forwarded some, and buffer others. */
const ROWS = 2_000;

/** How the stream ends after the rows. */
type End = "fails" | "is whole" | "hangs";

async function startService(end: End) {
  let sent: () => void = () => undefined;
  const isSending = new Promise<void>((resolve) => (sent = resolve));
  const row = Object(sampleResult("streamTasks"));
  const { services } = stubServices(() => rows());
  async function* rows() {
    for (let count = 0; count < ROWS; count++) yield row;
    sent();
    if (end === "fails") throw new Error("The table is gone.");
    if (end === "hangs") await new Promise(() => undefined);
  }
  const app = createDaoApp({ services, keys: [{ name: "job", key }], logger });
  const server = await startServer({ app, port: 0, logger, stopDelay: 0, gracePeriod: 300 });
  return { ...server, isSending };
}

/** curl's exit code for the stream: 0 is a success. */
async function curl(url: string, ...args: readonly string[]): Promise<{ code: unknown; lines: number }> {
  const child = spawn("curl", ["-sS", "-m", "30", ...args, "-H", `X-Flux-Service-Key: ${key}`, url + path]);
  let text = "";
  child.stdout.on("data", (bytes) => {
    text += bytes;
  });
  child.stderr.resume();
  const [code] = await once(child, "close");
  return { code, lines: text.split("\n").length - 1 };
}

const nginx = (settings: string) => (url: string) => startNginx(`location / { proxy_pass ${url}; ${settings} }`);

const readers: readonly (readonly [name: string, isThere: boolean, start: (url: string) => Promise<RunningProxy>])[] = [
  ["nginx by its defaults (HTTP/1.0)", hasNginx, nginx("")],
  ["nginx over HTTP/1.0, without buffers", hasNginx, nginx("proxy_buffering off;")],
  ["nginx over HTTP/1.1", hasNginx, nginx("proxy_http_version 1.1;")],
  ["nginx over HTTP/1.1, without buffers", hasNginx, nginx("proxy_http_version 1.1; proxy_buffering off;")],
  ["HAProxy", hasHaproxy, startHaproxy],
  ["Apache", hasApache, startApache],
];

describe.runIf(hasCurl)("a reader detects a failed stream, and accepts a complete one", () => {
  test.each([
    ["HTTP/1.1", "--http1.1"],
    ["HTTP/1.0", "--http1.0"],
  ])("over %s", async (_, version) => {
    await using failing = await startService("fails");
    expect(await curl(failing.url, version)).toMatchObject({ code: expect.toSatisfy((code) => code !== 0) });
    await using whole = await startService("is whole");
    expect(await curl(whole.url, version)).toEqual({ code: 0, lines: ROWS });
  });

  describe.each(readers)("behind %s", (_, isThere, start) => {
    test.runIf(isThere)("with both versions of HTTP", async () => {
      await using failing = await startService("fails");
      await using before = await start(failing.url);
      // Over HTTP/1.0 curl itself cannot detect that nginx closed early.
      expect(await curl(before.url)).toMatchObject({ code: expect.toSatisfy((code) => code !== 0) });
      await using whole = await startService("is whole");
      await using proxy = await start(whole.url);
      for (const version of ["--http1.1", "--http1.0"]) {
        expect(await curl(proxy.url, version)).toEqual({ code: 0, lines: ROWS });
      }
    });
  });
});

describe.runIf(hasCurl)("a reader detects a stream that a stop has cut off", () => {
  test.each(["--http1.1", "--http1.0"])("over %s", async (version) => {
    await using server = await startService("hangs");
    const outcome = curl(server.url, version);
    await server.isSending;
    await server.stop();
    expect(await outcome).toMatchObject({ code: expect.toSatisfy((code) => code !== 0) });
  });
});
