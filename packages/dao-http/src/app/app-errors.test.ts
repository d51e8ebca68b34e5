import { ConflictError, NotFoundError, UnavailableError, ValidationError } from "@flux/dao-core/contract";
import { describe, expect, test } from "vitest";
import { id, KEY, testApp } from "../testing/test-app.ts";
import { createJsonLogger } from "./log.ts";

describe("Errors: what is wrong with a request as HTTP", () => {
  const { call, calls } = testApp(() => ({ id }));
  const post = (init: RequestInit) => call("POST", "/api/v1/users/", init);

  test("404 for a path that does not exist", async () => {
    for (const path of ["/api", "/api/v1", "/api/v1/users/1/2", "/api/v2/users/", "/api/v1/users//"]) {
      expect((await call("GET", path)).body).toMatchObject({ status: 404, code: "not_found" });
    }
  });

  test("405 with Allow for a method that does not", async () => {
    const { status, headers, body } = await call("PUT", "/api/v1/users/");
    expect({ status, allow: headers.get("allow"), code: body.code }).toEqual({
      status: 405,
      allow: "GET, HEAD, POST",
      code: "method_not_allowed",
    });
    expect((await call("POST", "/health")).headers.get("allow")).toBe("GET, HEAD");
    expect((await call("OPTIONS", `/api/v1/tasks/${id}/calendar-event`)).headers.get("allow")).toBe("PATCH");
  });

  test.each([
    "text/plain",
    "application/problem+json",
    "application/jsonx",
    "multipart/form-data; boundary=x",
    "application/json; charset=latin1",
    "text/json",
  ])("415 for %s", async (type) => {
    const { status, body } = await post({ body: "{}", headers: { "Content-Type": type } });
    expect({ status, code: body.code }).toEqual({ status: 415, code: "unsupported_media_type" });
  });

  test.each([
    "application/json",
    "APPLICATION/JSON",
    "application/json;charset=utf-8",
    'application/json; charset="UTF-8"',
    "application/json ; charset=utf8",
  ])("%s is accepted", async (type) => {
    expect((await post({ body: "{}", headers: { "Content-Type": type } })).status).toBe(201);
  });

  test("400 for a body that is not JSON: malformed, empty, not UTF-8", async () => {
    const bodies = ["", "{", "{'a':1}", '{"a":NaN}', "{}x", '{"a":1,}', new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x7d])];
    for (const body of bodies) {
      const response = await post({ body, headers: { "Content-Type": "application/json" } });
      expect(response.body).toMatchObject({ status: 400, code: "validation_failed", errors: [{ path: "" }] });
    }
  });

  test("413 for a body over the limit, announced or in chunks, and nothing of it is kept", async () => {
    const before = calls.length;
    const large = JSON.stringify({ name: "x".repeat(1_048_576) });
    const { status, body } = await post({ body: large });
    expect({ status, code: body.code }).toEqual({ status: 413, code: "payload_too_large" });
    let sent = 0;
    const chunks = new ReadableStream({
      pull(controller) {
        sent += 65_536;
        controller.enqueue(new Uint8Array(65_536).fill(0x20));
        if (sent > 100 * 1_048_576) controller.close();
      },
    });
    const init = { body: chunks, duplex: "half", headers: { "Content-Type": "application/json" } } as const;
    expect((await post(init)).status).toBe(413);
    expect(sent).toBeLessThan(2 * 1_048_576);
    expect(calls).toHaveLength(before);
  });

  test("a body as large as the limit is read", async () => {
    const { call: callSmall } = testApp(() => ({ id }), { bodyLimit: 10 });
    expect((await callSmall("POST", "/api/v1/users", { body: '{"a":"bc"}' })).status).toBe(201);
    expect((await callSmall("POST", "/api/v1/users", { body: '{"a":"bcd"}' })).status).toBe(413);
  });

  test("thousands of unknown parameters do not make a response of thousands of lines", async () => {
    const { body, text } = await call("GET", `/api/v1/users/?${"a&".repeat(7_500)}`);
    expect(body.detail).toBe("a is not a known parameter (and 7499 more: errors has the first 100).");
    expect(body.errors).toHaveLength(100);
    expect(text.length).toBeLessThan(10_000);
  });

  test("an operation without parameters rejects any", async () => {
    const { body } = await call("GET", `/api/v1/users/${id}?pretty=1`);
    expect(body).toMatchObject({ status: 400, errors: [{ path: "pretty", message: "is not a known parameter" }] });
  });
});

describe("Errors: what the services throw", () => {
  test("becomes a problem in the caller's spelling", async () => {
    const { call, lines } = testApp(() => {
      throw new ValidationError([{ path: "id", message: "must be a UUID" }]);
    });
    const { body, headers } = await call("GET", "/api/v1/tasks/1");
    expect(headers.get("content-type")).toBe("application/problem+json");
    expect(body).toEqual({
      type: "urn:flux-dao:error:validation_failed",
      title: "Validation failed",
      status: 400,
      detail: "task_id must be a UUID.",
      instance: "/api/v1/tasks/1",
      code: "validation_failed",
      errors: [{ path: "task_id", message: "must be a UUID" }],
    });
    expect(lines.at(-1)?.level).toBe("info");
  });

  test.each([
    [new NotFoundError("task", id), 404],
    [new ConflictError("email is taken."), 409],
    [new UnavailableError("The database cannot be reached."), 503],
  ])("%s", async (error, status) => {
    const { call } = testApp(() => {
      throw error;
    });
    const response = await call("GET", `/api/v1/tasks/${id}`);
    expect(response.status).toBe(status);
    expect(response.body.detail).toBe(error.message);
    expect(response.headers.get("retry-after")).toBe(status === 503 ? "2" : null);
  });

  test("unforeseen: 500, with the cause in the log only", async () => {
    const cause = new Error("password authentication failed", { cause: new Error("select secret") });
    const { call, lines } = testApp(() => {
      throw cause;
    });
    const { status, text, headers } = await call("GET", `/api/v1/tasks/${id}`);
    expect(status).toBe(500);
    expect(text).not.toMatch(/password|secret|\.ts/);
    expect(text).toContain(headers.get("x-request-id") ?? "?");
    expect(lines.at(-1)).toMatchObject({
      level: "error",
      fields: { status: 500, err: { message: cause.message, cause: { message: "select secret" } } },
    });
  });
});

test("a client that disconnects before the first piece of a response is not a failure", async () => {
  const leave = new AbortController();
  async function* rows(signal: AbortSignal) {
    yield { id };
    leave.abort();
    signal.throwIfAborted();
  }
  const { app, lines } = testApp(({ args }) => rows(Reflect.get(Object(args[1]), "signal")));
  const init = { headers: { "X-Flux-Service-Key": KEY }, signal: leave.signal };
  const response = await app.fetch(new Request("http://service/api/v1/tasks/stream", init));
  await expect(response.text()).rejects.toThrow("The client closed its connection");
  expect(lines.map(({ fields }) => fields["status"])).toEqual([200]);
});

describe("a logger that throws", () => {
  const fail = () => {
    throw new Error("the disk is full");
  };

  test("never prevents the response, good or bad", async () => {
    const broken = { logger: { info: fail, warn: fail, error: fail } };
    expect((await testApp(() => ({ id }), broken).call("GET", `/api/v1/tasks/${id}`)).status).toBe(200);
    expect((await testApp(fail, broken).call("GET", `/api/v1/tasks/${id}`)).status).toBe(500);
  });
});

test("an error whose message, stack and name are no text has a log line, which is made after the response", async () => {
  const written: (string | (() => string))[] = [];
  const failure = Object.assign(new Error(), { message: 1n, stack: { toJSON: () => 1n }, name: { toString: null } });
  const { call } = testApp(() => Promise.reject(failure), {
    logger: createJsonLogger("info", { write: (line) => void written.push(line) }),
  });
  expect((await call("GET", `/api/v1/users/${id}`)).status).toBe(500);
  const lines = written.map((line) => JSON.parse(typeof line === "string" ? line : line()));
  expect(lines).toMatchObject([{ status: 500, err: { type: "object", message: "1", stack: "[object Object]" } }]);
});
