import { once } from "node:events";
import { connect } from "node:net";
import { describe, expect, test } from "vitest";
import { expectProblem, expectStatus, type Problem } from "./answer.ts";
import { chunked, requestHead, sendRaw } from "./raw-socket.ts";
import { uniqueEmail } from "./rows.ts";
import { KEYS, useRestServer } from "./server.ts";

const server = useRestServer();
const { call } = server;

const MEBIBYTE = 1_048_576;
const key = `X-Flux-Service-Key: ${KEYS.scheduler}`;
const json = "Content-Type: application/json";

const post = (body: string | Uint8Array, headers: Record<string, string | undefined> = {}) =>
  call("POST", "/api/v1/users/", { body, headers });

const validBody = () => JSON.stringify({ name: "Jane Doe", email: uniqueEmail() });
/** A valid body of exactly `length` bytes. */
const bodyOf = (bytes: number) => new TextEncoder().encode(validBody().padEnd(bytes, " "));

describe("Errors: 413 for a body over the limit of 1 MiB, however it is sent", () => {
  test("by Content-Length: a body at the limit is accepted, one byte more is not", async () => {
    expectStatus(await post(bodyOf(MEBIBYTE)), 201);
    expectProblem(await post(bodyOf(MEBIBYTE + 1)), 413);
  });

  test("by Content-Length, before any of the body is sent", async () => {
    const answer = await sendRaw(
      server.baseUrl,
      requestHead("POST", "/api/v1/users/", key, json, "Content-Length: 999999999999"),
    );
    expect(answer.status).toBe(413);
    expect(answer.headers["content-type"]).toMatch(/^application\/problem\+json\b/);
  });

  test("in chunks: a body at the limit is accepted, one byte more is not", async () => {
    const head = requestHead("POST", "/api/v1/users/", key, json, "Transfer-Encoding: chunked");
    expect((await sendRaw(server.baseUrl, head, ...chunked(bodyOf(MEBIBYTE)))).status).toBe(201);
    const answer = await sendRaw(server.baseUrl, head, ...chunked(bodyOf(MEBIBYTE + 1)));
    expect(answer.status).toBe(413);
    expect(answer.text).toContain('"payload_too_large"');
  });

  test("in chunks, 2 MB", async () => {
    const head = requestHead("POST", "/api/v1/users/", key, json, "Transfer-Encoding: chunked");
    const answer = await sendRaw(server.baseUrl, head, ...chunked(bodyOf(2_000_000)));
    expect(answer.status).toBe(413);
    expect(answer.headers["content-type"]).toMatch(/^application\/problem\+json\b/);
    expectStatus(await call("GET", "/health"), 200);
  });

  test("in endless chunks: the response does not wait for the end", async () => {
    const head = requestHead("POST", "/api/v1/users/", key, json, "Transfer-Encoding: chunked");
    const parts = [...chunked(bodyOf(2_000_000))].slice(0, -1);
    expect((await sendRaw(server.baseUrl, head, ...parts)).status).toBe(413);
  });

  test("on every operation that takes a body", async () => {
    const id = crypto.randomUUID();
    for (const [method, path] of [
      ["PATCH", `/api/v1/users/${id}`],
      ["POST", "/api/v1/goals/with-structure"],
      ["POST", "/api/v1/tasks/bulk-update-state"],
      ["PUT", `/api/v1/demo-flags/${id}`],
    ] as const) {
      expectProblem(await call(method, path, { body: bodyOf(MEBIBYTE + 1) }), 413);
    }
  });
});

describe("Errors: 415 for a body that is not application/json", () => {
  test.each([
    "text/plain",
    "text/json",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/jsonp",
    "application/json-patch+json",
    "application/problem+json",
    "application/xml",
    "application",
    "json",
    "*/*",
    "application/json; charset=iso-8859-1",
    "application/json; charset=utf-16; x=y",
    "",
  ])("%s", async (type) => {
    expectProblem(await post(validBody(), { "Content-Type": type }), 415);
  });

  test.each([
    "application/json",
    "application/json; charset=utf-8",
    "Application/JSON",
    "application/json;charset=UTF-8",
    "application/json ; charset=utf-8",
    "application/json; profile=x",
    'application/json; x=y; charset="utf-8"',
  ])("%s is taken", async (type) => {
    expectStatus(await post(validBody(), { "Content-Type": type }), 201);
  });

  test("a body without a media type is parsed as JSON, as in the Python service", async () => {
    expectStatus(await post(validBody(), { "Content-Type": undefined }), 201);
    expectProblem(await post("name=Jane", { "Content-Type": undefined }), 400);
  });

  test("a compressed body is rejected, also one that only claims to be", async () => {
    for (const encoding of ["gzip", "br", "gzip, identity"]) {
      expectProblem(await post(validBody(), { "Content-Encoding": encoding }), 415);
    }
    expectStatus(await post(validBody(), { "Content-Encoding": "identity" }), 201);
  });

  test("on PATCH and PUT too, and such a body is not read", async () => {
    const id = crypto.randomUUID();
    const parts = { body: "{}", headers: { "Content-Type": "text/plain" } };
    expectProblem(await call("PATCH", `/api/v1/users/${id}`, parts), 415);
    expectProblem(await call("PUT", `/api/v1/demo-flags/${id}`, parts), 415);
  });
});

describe("Errors: 400 for a body that is not JSON", () => {
  test.each([
    ["nothing", ""],
    ["spaces", "  \n "],
    ["half of an object", '{"name": "Jane"'],
    ["two values", '{"name": "Jane"} {}'],
    ["a trailing comma", '{"name": "Jane",}'],
    ["single quotes", "{'name': 'Jane'}"],
    ["a comment", '{"name": "Jane" /* who */}'],
    ["a raw line feed in text", '{"name": "Ja\nne"}'],
    ["NaN", '{"escalation_speed": NaN}'],
    ["Infinity", '{"escalation_speed": Infinity}'],
    ["a bad escape", '{"name": "\\x41"}'],
    ["a form", "name=Jane&email=jane%40example.com"],
    ["half of a byte order mark", "\u00ef"],
    ["Python's None", '{"name": None}'],
  ])("%s", async (_, text) => {
    expectProblem(await post(text), 400);
  });

  test("the response says that it is not JSON, and contains nothing of it", async () => {
    const answer = await post('{"name": "canary-value-1", "email": canary-value-2}');
    expect(expectProblem(answer, 400).detail).toMatch(/JSON/);
    expect(answer.text).not.toContain("canary");
  });

  test("invalid UTF-8 is rejected, not repaired", async () => {
    const encoder = new TextEncoder();
    for (const bytes of [
      [0xff],
      [0xc3, 0x28],
      [0xed, 0xa0, 0x80],
      [0xc0, 0x80],
      [0xf4, 0x90, 0x80, 0x80],
      [0xe2, 0x82],
    ]) {
      const body = Buffer.concat([
        encoder.encode('{"name": "x'),
        Uint8Array.from(bytes),
        encoder.encode(`", "email": "${uniqueEmail()}"}`),
      ]);
      expectProblem(await post(body), 400);
    }
  });

  test("UTF-16 is rejected too", async () => {
    expectProblem(await post(Buffer.from(validBody(), "utf16le")), 400);
  });

  test("a body that is not an object is a validation error", async () => {
    for (const body of ["null", "[]", '"text"', "1", "true"]) {
      const { errors } = expectProblem(await post(body), 400);
      expect(errors?.length).toBe(1);
    }
  });

  test("an incomplete body creates nothing, and the server keeps running", async () => {
    const email = uniqueEmail();
    const { hostname, port } = new URL(server.baseUrl);
    const socket = connect(Number(port), hostname).resume();
    const lines = server.logLines().length;
    socket.write(requestHead("POST", "/api/v1/users/", key, json, "Content-Length: 1000"));
    socket.end(`{"name": "x", "email": "${email}"}`);
    await once(socket, "close");
    await expect.poll(() => server.logLines().length).toBe(lines + 1);
    expect(expectStatus(await call("GET", `/api/v1/users/?email=${email}`), 200)).toMatchObject({ total: 0 });
  });

  test("a missing body, if one is required", async () => {
    const answer = await sendRaw(server.baseUrl, requestHead("POST", "/api/v1/users/", key));
    expect(answer.status).toBe(400);
    const withType = await sendRaw(
      server.baseUrl,
      requestHead("POST", "/api/v1/users/", key, json, "Content-Length: 0"),
    );
    expect(withType.status).toBe(400);
  });
});

describe("Bad input: deeply nested JSON gets its documented response, and the server keeps running", () => {
  const nested = (depth: number) => `${"[".repeat(depth)}${"]".repeat(depth)}`;
  const withPreferences = (preferences: string) =>
    `{"name": "x", "email": "${uniqueEmail()}", "preferences": ${preferences}}`;

  test.each([20_000, 400_000])("%d deep, in a JSON column", async (depth) => {
    const { errors } = expectProblem(await post(withPreferences(`{"a": ${nested(depth)}}`)), 400);
    expect(errors?.[0]?.path).toMatch(/^preferences\b/);
    expectStatus(await call("GET", "/health"), 200);
  });

  test("20,000 objects deep", async () => {
    expectProblem(await post(withPreferences(`${'{"a":'.repeat(20_000)}1${"}".repeat(20_000)}`)), 400);
  });

  test("20,000 deep, as the body itself or half of it", async () => {
    expectProblem(await post(nested(20_000)), 400);
    expectProblem(await post("[".repeat(20_000)), 400);
    expectProblem(await post('{"a":'.repeat(20_000)), 400);
  });

  test("20,000 deep in place of text or of a list of ids", async () => {
    expectProblem(await post(`{"name": ${nested(20_000)}, "email": "${uniqueEmail()}"}`), 400);
    const body = `{"task_ids": ${nested(20_000)}, "new_state": "missed"}`;
    expectProblem(await call("POST", "/api/v1/tasks/bulk-update-state", { body }), 400);
  });

  test("20,000 deep in an unknown field, which is ignored", async () => {
    const answer = await post(`{"name": "x", "email": "${uniqueEmail()}", "colour": ${nested(20_000)}}`);
    expect([201, 400]).toContain(answer.status);
    expectStatus(await call("GET", "/health"), 200);
  });

  test("a long list of errors is returned in full or truncated, within bounds", async () => {
    const body = JSON.stringify({ task_ids: Array.from({ length: 200_000 }, () => 1), new_state: "missed" });
    const answer = await call<Problem>("POST", "/api/v1/tasks/bulk-update-state", { body });
    expectProblem(answer, 400);
    expect(answer.text.length).toBeLessThan(1_000_000);
  });
});

describe("415 names what is accepted", () => {
  const headersOf = (answer: Awaited<ReturnType<typeof call>>) => {
    expectProblem(answer, 415);
    return ["accept", "accept-patch", "accept-encoding"].map((name) => answer.headers.get(name));
  };
  const plain = { "Content-Type": "text/plain" };
  const path = `/api/v1/users/${crypto.randomUUID()}`;

  test.each([
    ["POST", "/api/v1/users/", plain, ["application/json", null, null]],
    ["PATCH", path, plain, ["application/json", "application/json", null]],
    ["POST", "/api/v1/tasks/import", plain, ["application/x-ndjson", null, null]],
    ["POST", "/api/v1/users/", { "Content-Encoding": "gzip" }, [null, null, "identity"]],
    ["PATCH", path, { "Content-Encoding": "br" }, [null, null, "identity"]],
    [
      "POST",
      "/api/v1/tasks/import",
      { "Content-Type": "application/x-ndjson", "Content-Encoding": "gzip" },
      [null, null, "identity"],
    ],
  ])("%s %s %j", async (method, target, headers, expected) => {
    expect(headersOf(await call(method, target, { body: "{}", headers }))).toEqual(expected);
  });
});
