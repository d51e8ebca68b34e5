import { describe, expect, test } from "vitest";
import { expectStatus } from "./answer.ts";
import { requestHead, sendRaw, sendRawForAll } from "./raw-socket.ts";
import { KEYS, useRestServer } from "./server.ts";

const server = useRestServer();

const key = `X-Flux-Service-Key: ${KEYS.scheduler}`;
const json = "Content-Type: application/json";
const smuggled = "GET /api/v1/smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n";

describe("Errors: always problem details, also for what is no HTTP request", () => {
  test.each([
    ["no request line", "garbage\r\n\r\n", 400],
    ["a TLS handshake", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400],
    ["a request line without a version", `GET /api/v1/users/\r\nHost: localhost\r\n${key}\r\n\r\n`, 400],
    ["HTTP/0.9", `GET /api/v1/users/ HTTP/0.9\r\nHost: localhost\r\n${key}\r\n\r\n`, 400],
    ["HTTP/2.0", `GET /api/v1/users/ HTTP/2.0\r\nHost: localhost\r\n${key}\r\n\r\n`, 400],
    ["HTTP/1.2", `GET /api/v1/users/ HTTP/1.2\r\nHost: localhost\r\n${key}\r\n\r\n`, 400],
    ["a header without a colon", requestHead("GET", "/api/v1/users/", key, "no colon here"), 400],
    ["two lengths", requestHead("POST", "/api/v1/users/", key, json, "Content-Length: 2", "Content-Length: 3"), 400],
    ["a length that is none", requestHead("POST", "/api/v1/users/", key, json, "Content-Length: -1"), 400],
    ["a chunk of no size", `${requestHead("POST", "/", key, json, "Transfer-Encoding: chunked")}xyz\r\n`, 400],
    ["headers without end", requestHead("GET", "/api/v1/users/", key, `X-Large: ${"x".repeat(100_000)}`), 431],
  ])("%s", async (_, bytes, status) => {
    const answer = await sendRaw(server.baseUrl, bytes);
    expect(answer.status).toBe(status);
    expect(answer.headers["content-type"]).toMatch(/^application\/problem\+json\b/);
    expect(answer.headers["x-request-id"]).toMatch(/\S/);
    expect(JSON.parse(answer.text)).toMatchObject({ status, detail: expect.stringMatching(/\.$/) });
    expectStatus(await server.call("GET", "/health"), 200);
  });

  test("HTTP/1.0 is answered as 1.1 is", async () => {
    expect((await sendRaw(server.baseUrl, `GET /api/v1/users/ HTTP/1.0\r\n${key}\r\n\r\n`)).status).toBe(200);
  });
});

describe("REST: a body is never taken for a request", () => {
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
    // It may close instead of answering what comes behind, but nothing else is answered.
    expect([[status], [status, 200]]).toContainEqual(statuses);
  });

  test("nor where both its length and its chunks are announced (RFC 9112, 6.1)", async () => {
    const lines = [key, json, "Content-Length: 4", "Transfer-Encoding: chunked"];
    const head = requestHead("POST", "/api/v1/users/", ...lines).replace("Connection: close\r\n", "");
    const answers = await sendRawForAll(server.baseUrl, head, `0\r\n\r\n${smuggled}`);
    expect([...answers.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map((match) => match[1])).toEqual(["400"]);
  });

  test("requests that are sent at once on one connection are all answered, in order", async () => {
    const next = (path: string) => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n${key}\r\n\r\n`;
    const bytes = next("/api/v1/users/") + next("/api/v1/nothing") + next("/api/v1/users/1") + last;
    const answers = await sendRawForAll(server.baseUrl, bytes);
    const statuses = [...answers.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map((match) => match[1]);
    expect(statuses).toEqual(["200", "404", "400", "200"]);
  });
});
