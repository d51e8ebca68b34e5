import { describe, expect, test } from "vitest";
import { expectStatus } from "./answer.ts";
import { requestHead, sendRaw, sendRawForAll } from "./raw-socket.ts";
import { uniqueEmail } from "./rows.ts";
import { KEYS, useRestServer } from "./server.ts";

const server = useRestServer();

const key = `X-Flux-Service-Key: ${KEYS.scheduler}`;
const json = "Content-Type: application/json";
const smuggled = "GET /api/v1/smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n";

describe("Errors: always problem details, even for what is not an HTTP request", () => {
  test.each([
    ["no request line", "garbage\r\n\r\n", 400],
    ["a TLS handshake", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400],
    ["a request line without a version", `GET /api/v1/users/\r\nHost: localhost\r\n${key}\r\n\r\n`, 400],
    ["HTTP/0.9", `GET /api/v1/users/ HTTP/0.9\r\nHost: localhost\r\n${key}\r\n\r\n`, 400],
    ["HTTP/2.0", `GET /api/v1/users/ HTTP/2.0\r\nHost: localhost\r\n${key}\r\n\r\n`, 400],
    ["HTTP/1.2", `GET /api/v1/users/ HTTP/1.2\r\nHost: localhost\r\n${key}\r\n\r\n`, 400],
    ["a header without a colon", requestHead("GET", "/api/v1/users/", key, "no colon here"), 400],
    ["two lengths", requestHead("POST", "/api/v1/users/", key, json, "Content-Length: 2", "Content-Length: 3"), 400],
    ["an invalid length", requestHead("POST", "/api/v1/users/", key, json, "Content-Length: -1"), 400],
    ["a chunk without a size", `${requestHead("POST", "/", key, json, "Transfer-Encoding: chunked")}xyz\r\n`, 400],
    ["headers without end", requestHead("GET", "/api/v1/users/", key, `X-Large: ${"x".repeat(100_000)}`), 431],
  ])("%s", async (_, bytes, status) => {
    const answer = await sendRaw(server.baseUrl, bytes);
    expect(answer.status).toBe(status);
    expect(answer.headers["content-type"]).toMatch(/^application\/problem\+json\b/);
    expect(answer.headers["x-request-id"]).toMatch(/\S/);
    expect(JSON.parse(answer.text)).toMatchObject({ status, detail: expect.stringMatching(/\.$/) });
    expectStatus(await server.call("GET", "/health"), 200);
  });

  test("HTTP/1.0 gets the same response as 1.1", async () => {
    expect((await sendRaw(server.baseUrl, `GET /api/v1/users/ HTTP/1.0\r\n${key}\r\n\r\n`)).status).toBe(200);
  });
});

describe("REST: a body is never parsed as a request", () => {
  const last = requestHead("GET", "/health");

  test.each([
    ["after 403", "", "application/json", 1, 403],
    ["after 404", key, "application/json", 1, 404],
    ["after 413", key, "application/json", 40_000, 413],
    ["after 415", key, "text/plain", 1, 415],
  ])("%s on a connection that stays open", async (_, header, type, times, status) => {
    const body = smuggled.repeat(times);
    const path = status === 404 ? "/api/v1/nothing" : "/api/v1/users/";
    const lines = [
      `POST ${path} HTTP/1.1`,
      "Host: localhost",
      `Content-Type: ${type}`,
      `Content-Length: ${body.length}`,
    ];
    const head = `${[...lines, header].filter((line) => line !== "").join("\r\n")}\r\n\r\n`;
    const answers = await sendRawForAll(server.baseUrl, head, body, last);
    const statuses = [...answers.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map((match) => Number(match[1]));
    // It may close instead of responding to what follows, but it never responds to the body.
    expect([[status], [status, 200]]).toContainEqual(statuses);
  });

  test("not even with both a Content-Length and chunks (RFC 9112, 6.1)", async () => {
    const lines = [key, json, "Content-Length: 4", "Transfer-Encoding: chunked"];
    const head = requestHead("POST", "/api/v1/users/", ...lines).replace("Connection: close\r\n", "");
    const answers = await sendRawForAll(server.baseUrl, head, `0\r\n\r\n${smuggled}`);
    expect([...answers.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map((match) => match[1])).toEqual(["400"]);
  });

  test("pipelined requests all get a response, in order", async () => {
    const next = (path: string) => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n${key}\r\n\r\n`;
    const bytes = next("/api/v1/users/") + next("/api/v1/nothing") + next("/api/v1/users/1") + last;
    const answers = await sendRawForAll(server.baseUrl, bytes);
    const statuses = [...answers.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map((match) => match[1]);
    expect(statuses).toEqual(["200", "404", "400", "200"]);
  });
});

/** Statuses of the responses, in their order. */
const statusesOf = (answers: string) => [...answers.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map((match) => Number(match[1]));

const get = (path: string, ...headers: string[]) =>
  `${[`GET ${path} HTTP/1.1`, "Host: localhost", key, ...headers].join("\r\n")}\r\n\r\n`;
const post = (body: string, version: string, ...headers: string[]) =>
  `${[`POST /api/v1/users/ ${version}`, "Host: localhost", key, json, ...headers].join("\r\n")}\r\n\r\n${body}`;
const closing = requestHead("GET", "/health");

describe("RFC 9110, 9112: pipelined requests get their responses in order", () => {
  test("a CONNECT after other requests", async () => {
    const connect = "CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n";
    const answers = await sendRawForAll(server.baseUrl, get("/api/v1/users/") + get("/health") + connect);
    expect(statusesOf(answers)).toEqual([200, 200, 405]);
    expect(statusesOf(await sendRawForAll(server.baseUrl, connect))).toEqual([405]);
  });

  const h2c = ["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA"];
  const websocket = ["Connection: keep-alive, Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"];

  test.each([
    ["h2c", h2c],
    ["websocket", websocket],
  ])("requests after an offer to upgrade, which is declined: %s", async (_, offer) => {
    const body = JSON.stringify({ name: "Jane", email: uniqueEmail() });
    const sized = post(body, "HTTP/1.1", `Content-Length: ${body.length}`, ...offer);
    const email = uniqueEmail();
    const chunk = JSON.stringify({ name: "Jane", email });
    const chunkedBody = `${chunk.length.toString(16)}\r\n${chunk}\r\n0\r\n\r\n`;
    const inChunks = post(chunkedBody, "HTTP/1.1", "Transfer-Encoding: chunked", ...offer);
    const bytes =
      get("/health") + get("/api/v1/users/", ...offer) + get("/api/v1/nothing") + sized + inChunks + closing;
    expect(statusesOf(await sendRawForAll(server.baseUrl, bytes))).toEqual([200, 200, 404, 201, 201, 200]);
    // In pieces, split within the body that follows the Upgrade header.
    const cut = bytes.indexOf(chunkedBody) + 9;
    const again = bytes
      .replaceAll(email, uniqueEmail())
      .replace(body, JSON.stringify({ name: "Jane", email: uniqueEmail() }));
    expect(statusesOf(await sendRawForAll(server.baseUrl, again.slice(0, cut), again.slice(cut)))).toEqual([
      200, 200, 404, 201, 201, 200,
    ]);
  });

  test("repeated offers to upgrade on one connection", async () => {
    const warnings: Error[] = [];
    const onWarning = (warning: Error) => warnings.push(warning);
    process.on("warning", onWarning);
    const bytes = get("/health", ...h2c).repeat(20) + closing;
    expect(statusesOf(await sendRawForAll(server.baseUrl, bytes))).toEqual(Array(21).fill(200));
    await new Promise((resolve) => setImmediate(resolve));
    process.off("warning", onWarning);
    expect(warnings).toEqual([]);
  });

  test("an offer to upgrade without a key is a 403, like any other request", async () => {
    const bytes = get("/api/v1/users/", ...h2c).replace(`${key}\r\n`, "");
    expect(statusesOf(await sendRawForAll(server.baseUrl, bytes + closing))).toEqual([403, 200]);
  });
});

describe("RFC 9112: a connection with untrustworthy framing is closed, and nothing after it is processed", () => {
  const emails: string[] = [];
  const create = () => {
    const email = uniqueEmail();
    emails.push(email);
    const body = JSON.stringify({ name: "Smuggled", email });
    return post(body, "HTTP/1.1", `Content-Length: ${body.length}`);
  };

  test.each([
    ["chunks of HTTP/1.0 (6.1)", post("0\r\n\r\n", "HTTP/1.0", "Connection: keep-alive", "Transfer-Encoding: chunked")],
    ["two Host lines (3.2)", get("/api/v1/users/", "Host: localhost")],
    ["two Host lines in different case", get("/api/v1/users/", "hOST: elsewhere")],
    ["an invalid Host", get("/api/v1/users/").replace("Host: localhost", "Host: local host")],
    ["a Host with a path", get("/api/v1/users/").replace("Host: localhost", "Host: localhost/x")],
    ["HTTP/1.2", get("/api/v1/users/").replace("HTTP/1.1", "HTTP/1.2")],
    ["two Host lines, before a CONNECT", `${get("/health", "Host: x")}CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n`],
    [
      "two Host lines, before an offer of h2c",
      get("/health", "Host: x") + get("/health", "Upgrade: h2c", "Connection: Upgrade"),
    ],
    ["no Host", get("/api/v1/users/").replace("Host: localhost\r\n", "")],
  ])("%s", async (_, bytes) => {
    const answers = await sendRawForAll(server.baseUrl, bytes + create() + closing);
    expect(statusesOf(answers)).toEqual([400]);
    expect(answers.toLowerCase()).toContain("\r\nconnection: close\r\n");
    for (const email of emails) {
      expect(
        expectStatus(await server.call<{ total: number }>("GET", `/api/v1/users/?email=${email}`), 200).total,
      ).toBe(0);
    }
  });

  test.each(["localhost", "LOCALHOST:80", "[::1]:8000", "127.0.0.1", ""])("Host %j is valid", async (host) => {
    const bytes = get("/health", "Connection: close").replace("Host: localhost", `Host: ${host}`);
    expect(statusesOf(await sendRawForAll(server.baseUrl, bytes))).toEqual([200]);
  });
});
