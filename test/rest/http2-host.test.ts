import { once } from "node:events";
import { type ClientHttp2Session, connect, constants, createServer, type IncomingHttpHeaders } from "node:http2";
import type { AddressInfo } from "node:net";
import { createDaoApp, toNodeListener } from "@flux/dao-http";
import { createLogger } from "@flux/dao-http/server";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { stubServices } from "../../packages/dao-http/src/testing/services-stub.ts";

const key = "goal-planner-key-abc";
const id = "0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d6e";

async function* failingRows() {
  for (let count = 0; count < 2_000; count++) yield { id, title: "Run" };
  throw new Error("The table is gone.");
}

/** The app on Node's own HTTP/2 server, as a host mounts it, without TLS (h2c). */
async function startHttp2() {
  let finish: () => void = () => undefined;
  const finished = new Promise<void>((resolve) => (finish = resolve));
  const { services, calls } = stubServices(({ method }) =>
    method === "streamTasks" ? failingRows() : finished.then(() => ({ id })),
  );
  const statuses: unknown[] = [];
  const logger = createLogger({ destination: { write: (text) => statuses.push(JSON.parse(text).status) } });
  const app = createDaoApp({ services, keys: [{ name: "tester", key }], logger, maxConcurrentRequests: 1 });
  const listener = toNodeListener(app.handle);
  const server = createServer((incoming, outgoing) => Reflect.apply(listener, undefined, [incoming, outgoing]));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return { app, calls, statuses, finish, server, url: `http://127.0.0.1:${port}` };
}

let host: Awaited<ReturnType<typeof startHttp2>>;
let session: ClientHttp2Session;
beforeEach(async () => {
  host = await startHttp2();
  session = connect(host.url);
});
afterEach(() => {
  session.destroy();
  host.server.close();
});

function send(headers: object, body = "") {
  const stream = session.request({ "x-flux-service-key": key, ...headers }, { endStream: body === "" });
  if (body !== "") stream.end(body);
  let text = "";
  stream.setEncoding("utf8").on("data", (chunk: string) => {
    text += chunk;
  });
  const response = new Promise<{ headers: IncomingHttpHeaders; text: string }>((resolve, reject) => {
    stream.on("error", reject);
    stream.on("response", (received) => stream.on("end", () => resolve({ headers: received, text })));
  });
  return { stream, response };
}

const get = { ":path": `/api/v1/users/${id}` };

describe("an app on an HTTP/2 host", () => {
  test("requests with a body and without", async () => {
    host.finish();
    const { headers, text } = await send(get).response;
    expect([headers[":status"], JSON.parse(text)]).toEqual([200, { id }]);
    const created = await send({ ":path": "/api/v1/users/", ":method": "POST" }, '{"name":"a"}').response;
    expect(created.headers[":status"]).toBe(201);
  });

  test("a development key is accepted with a loopback host, which HTTP/2 sends as :authority", async () => {
    host.finish();
    expect((await send({ ...get, ":authority": "attacker.example" }).response).headers[":status"]).toBe(403);
    expect((await send({ ...get, ":authority": "localhost" }).response).headers[":status"]).toBe(200);
  });

  test("a stop does not break responses", async () => {
    host.finish();
    host.app.announceStop();
    expect((await send(get).response).headers[":status"]).toBe(200);
    const { stream, response } = send({ ":path": "/api/v1/tasks/stream" });
    response.catch(() => undefined);
    const [headers] = await once(stream, "response");
    expect(headers[":status"]).toBe(200);
    stream.close();
  });

  test("a reader detects a failed stream of rows, and the connection stays open for other streams", async () => {
    host.finish();
    const failing = send({ ":path": "/api/v1/tasks/stream" });
    await expect(failing.response).rejects.toThrow(/NGHTTP2_INTERNAL_ERROR/);
    expect((await send(get).response).headers[":status"]).toBe(200);
  });

  test("a rejected body that never ends closes its stream, and the connection stays open for other streams", async () => {
    host.finish();
    const headers = { "content-type": "application/json", "content-length": 2_000_000 };
    const upload = session.request({ ...headers, ":path": "/api/v1/users/", ":method": "POST" }, { endStream: false });
    const closed = once(upload, "close");
    const [received] = await once(upload, "response");
    expect(received[":status"]).toBe(403);
    upload.resume();
    await closed;
    expect(upload.rstCode).toBe(constants.NGHTTP2_NO_ERROR);
    expect((await send(get).response).headers[":status"]).toBe(200);
  });

  test("a queued request is dropped when its stream is cancelled, or its connection is lost", async () => {
    const working = send(get);
    await expect.poll(() => host.calls.length).toBe(1);
    const cancelled = send(get);
    cancelled.response.catch(() => undefined);
    const other = connect(host.url).on("error", () => undefined);
    other.request({ ...get, "x-flux-service-key": key }).on("error", () => undefined);
    const third = send(get);
    await send({ ":path": "/health" }).response;
    cancelled.stream.close();
    other.destroy();
    await expect.poll(() => host.statuses.filter((status) => status === 499).length).toBe(2);
    host.finish();
    for (const { response } of [working, third]) expect((await response).headers[":status"]).toBe(200);
    expect(host.calls).toHaveLength(2);
  });
});
