import {
  ChangesDisabledError,
  ConflictError,
  CursorExpiredError,
  DAO_ERROR_CODES,
  type DaoError,
  IdempotencyKeyReusedError,
  NotFoundError,
  RelatedRowMissingError,
  RetryableError,
  SchemaVersionError,
  TransactionLostError,
  UnavailableError,
  UnitOfWorkMisuseError,
  ValidationError,
  VersionMismatchError,
} from "@flux/dao-core";
import { createDaoApp, PROBLEM_CODES } from "@flux/dao-http";
import { createLogger, type RunningServer, startServer } from "@flux/dao-http/server";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { operations } from "../../packages/dao-http/src/api/operations.gen.ts";
import { stubServices } from "../../packages/dao-http/src/testing/services-stub.ts";
import { requestHead, sendRaw } from "../rest/raw-socket.ts";

vi.mock("node:http", async (importOriginal) => (await import("./quick-timeouts.ts")).quickHttp(importOriginal));

const KEY = "canary-service-key";
const id = "0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d6e";

/** Internals that no response to a failed request may reveal, and that only occur inside in these tests. */
const INSIDES =
  /canary|\n\s+at |\bat [\w.<>]+ \(|\.[cm]?[jt]s\b|node_modules|packages\/|file:\/\/|\bselect\b|\binsert into\b|\$\d|TypeError|RangeError|PostgresError|undefined|\[object/i;

/** All codes that were returned, to check that none is missing. */
const answered = new Set<string>();

let thrown: unknown;
let server: RunningServer;
const lines: string[] = [];
const { services } = stubServices(() => {
  throw thrown;
});

beforeAll(async () => {
  const logger = createLogger({ destination: { write: (text) => lines.push(text) } });
  const app = createDaoApp({ services, keys: [{ name: "tester", key: KEY }], logger, bodyTimeout: 900 });
  server = await startServer({ app, port: 0, logger, stopDelay: 0, gracePeriod: 500 });
});
afterAll(async () => {
  await server.stop();
  expect([...answered].toSorted(), "every code occurred").toEqual(Object.keys(PROBLEM_CODES).toSorted());
});

/** The problem in a response; neither its text nor its headers may reveal anything internal. */
function problemOf(what: string, status: number, headers: object, text: string): { code: string; detail: string } {
  expect(`${JSON.stringify(headers)}\n${text}`, what).not.toMatch(INSIDES);
  const problem = JSON.parse(text);
  expect(problem, what).toMatchObject({ status, title: expect.any(String), detail: expect.stringMatching(/\.$/) });
  answered.add(problem.code);
  return problem;
}

async function fail(
  error: unknown,
  method = "GET",
  path = `/api/v1/tasks/${id}`,
  type = "application/json",
  body: object = {},
) {
  thrown = error;
  const hasBody = method !== "GET" && method !== "DELETE";
  const headers = { "X-Flux-Service-Key": KEY, "Content-Type": type };
  const response = await fetch(server.url + path, { method, headers, ...(hasBody && { body: JSON.stringify(body) }) });
  const what = `${method} ${path}`;
  return problemOf(what, response.status, Object.fromEntries(response.headers), await response.text());
}

/** A driver's error, with all the fields that drivers add. */
function driverError(message = 'canary: syntax error in select * from "users" where email = $1'): Error {
  return Object.assign(new Error(message), {
    name: "PostgresError",
    code: "XX000",
    severity: "ERROR",
    detail: "Key (email)=(canary@example.com) already exists.",
    hint: "canary-hint",
    where: "PL/pgSQL function canary() line 1",
    schema_name: "canary",
    table_name: "canary_table",
    constraint_name: "canary_key",
    query: 'insert into "canary" values ($1)',
    parameters: ["canary-parameter"],
  });
}

const cause = driverError();

describe("an error of the data layer reveals nothing of its cause", () => {
  const errors: readonly (readonly [DaoError, keyof typeof PROBLEM_CODES])[] = [
    [new ValidationError([{ path: "title", message: "is too long" }], { cause }), "validation_failed"],
    [new NotFoundError("task", id, { cause }), "not_found"],
    [new ConflictError("email is taken.", { field: "email", cause }), "conflict"],
    [new RelatedRowMissingError("goalId", id, { cause }), "related_row_missing"],
    [new VersionMismatchError("task", id, { cause }), "version_mismatch"],
    [new IdempotencyKeyReusedError({ cause }), "idempotency_key_reused"],
    [new RetryableError("The database aborted this work. Run it again.", { cause }), "conflict"],
    [new UnavailableError("The database cannot be reached.", { cause }), "unavailable"],
    [new TransactionLostError("unknown", { cause }), "unavailable"],
    [new SchemaVersionError("The schema is at version 1, older than version 2.", { cause }), "unavailable"],
    [new CursorExpiredError({ cause }), "cursor_expired"],
    [new ChangesDisabledError("public", { cause }), "changes_disabled"],
    [new UnitOfWorkMisuseError("canary: a promise was not awaited.", { cause }), "internal_error"],
  ];

  test.each(errors)("%s", async (error, code) => {
    for (const [method, path] of [
      ["GET", `/api/v1/tasks/${id}`],
      ["POST", "/api/v1/tasks/"],
      ["PATCH", `/api/v1/tasks/${id}`],
      ["DELETE", `/api/v1/tasks/${id}`],
      ["PUT", `/api/v1/demo-flags/${id}`],
    ] as const) {
      expect((await fail(error, method, path)).code).toBe(code);
    }
  });

  test("these are all codes of the data layer", () => {
    expect(errors.map(([error]) => error.code).toSorted()).toEqual([...DAO_ERROR_CODES].toSorted());
  });
});

describe("an unexpected error is a 500 that names a request id, and nothing else", () => {
  const surprises: readonly (readonly [what: string, thrown: unknown])[] = [
    ["a TypeError", new TypeError("canary is not a function")],
    ["a driver's error", driverError()],
    ["a driver's error deep in a chain", new Error("canary", { cause: new Error("canary", { cause }) })],
    ["several at once", new AggregateError([cause, cause], "canary")],
    ["a hostile message", new Error('canary"}\r\nSet-Cookie: canary=1\r\n\r\n<script>canary</script>')],
    ["no message", new Error("")],
    ["an error without a stack", Object.assign(new Error("canary"), { stack: undefined })],
    ["one that is its own cause", selfCaused()],
    ["another library's error with one of our codes", Object.assign(new Error("canary"), { code: "not_found" })],
    ["one with a response of its own", { status: 200, statusCode: 200, detail: "canary", headers: { canary: "1" } }],
    [
      "one with a status and a message of its own",
      { toString: () => "canary", toJSON: () => "canary", message: "canary" },
    ],
    ["an unrequested abort", new DOMException("canary", "AbortError")],
    ["a text", "canary: select * from users"],
    ["a number", 42],
    ["null", null],
    ["nothing", undefined],
    ["a symbol", Symbol("canary")],
    ["a function", () => "canary"],
    ["an error of a later version of the library", ofLaterVersion()],
  ];

  test.each(surprises)("%s", async (_, error) => {
    const { code, detail } = await fail(error);
    expect({ code, detail }).toEqual({
      code: "internal_error",
      detail: expect.stringMatching(/^An unexpected error occurred\. .* under the request id [\w-]{36}\.$/),
    });
    expect((await fail(error, "POST", "/api/v1/goals/with-structure")).code).toBe("internal_error");
  });

  test("the log has the cause, without the parameters", async () => {
    lines.length = 0;
    await fail(driverError("canary-message"));
    expect(lines.join("")).toContain("canary-message");
    expect(lines.join("")).not.toMatch(/canary-parameter|canary@example|canary-service-key/);
  });

  test("from every operation", async () => {
    const failure = new TypeError("canary");
    for (const operation of Object.values(operations)) {
      const path = operation.path.replace(/\{\w+\}/, id);
      const needed = operation.input === "query" && /by-timerange|statistics/.test(path);
      const query = needed ? `?user_id=${id}` : "";
      const type = operation.input === "ndjson" ? "application/x-ndjson" : undefined;
      const body = path === "/api/v1/batch" ? { operations: [{ method: "GET", path: `/api/v1/tasks/${id}` }] } : {};
      expect((await fail(failure, operation.method, path + query, type, body)).code).toBe("internal_error");
    }
  });

  function selfCaused(): Error {
    const error = new Error("canary");
    error.cause = error;
    return error;
  }

  function ofLaterVersion(): Error {
    const error = new NotFoundError("canary", "canary");
    return Object.assign(error, { code: "canary_code", message: "canary" });
  }
});

describe("the response to a rejected request names a rule, and nothing internal", () => {
  const key = `X-Flux-Service-Key: ${KEY}`;
  const json = "Content-Type: application/json";
  const post = (...headers: string[]) => requestHead("POST", "/api/v1/users/", key, json, ...headers);

  test.each<readonly [string, string, keyof typeof PROBLEM_CODES]>([
    ["no key", requestHead("GET", "/api/v1/users/"), "invalid_service_key"],
    ["a wrong key", requestHead("GET", "/api/v1/users/", `${key}x`), "invalid_service_key"],
    ["an unknown path", requestHead("GET", "/nothing", key), "not_found"],
    ["a path that is not valid text", requestHead("GET", "/api/v1/users/%ff%00", key), "validation_failed"],
    ["an unsupported method", requestHead("PUT", "/api/v1/users/", key), "method_not_allowed"],
    ["an invalid method", requestHead("BREW", "/api/v1/users/", key), "validation_failed"],
    ["a CONNECT", requestHead("CONNECT", "localhost:5432", key), "method_not_allowed"],
    ["an unknown expectation", requestHead("GET", "/api/v1/users/", key, "Expect: tea"), "validation_failed"],
    ["an unknown parameter", requestHead("GET", "/api/v1/users/?a=1", key), "validation_failed"],
    ["a query that is not UTF-8", requestHead("GET", "/api/v1/users/?email=%ff", key), "validation_failed"],
    ["a body that is not JSON", `${post("Content-Length: 1")}{`, "validation_failed"],
    [
      "a body of another type",
      requestHead("POST", "/api/v1/users/", key, "Content-Type: text/xml"),
      "unsupported_media_type",
    ],
    ["a body too large", post("Content-Length: 1048577"), "payload_too_large"],
    ["a body that does not arrive", post("Content-Length: 10"), "request_timeout"],
    ["endless headers", `GET / HTTP/1.1\r\nHost: localhost\r\n${key}\r\n`, "request_timeout"],
    ["headers too large", requestHead("GET", "/", `X-Large: ${"x".repeat(20_000)}`), "headers_too_large"],
    ["no Host", `GET / HTTP/1.1\r\nConnection: close\r\n${key}\r\n\r\n`, "validation_failed"],
    ["no HTTP", "canary\r\n\r\n", "validation_failed"],
  ])("%s", async (what, bytes, code) => {
    const { status, headers, text } = await sendRaw(server.url, bytes);
    expect(problemOf(what, status, headers, text).code).toBe(code);
  });
});
