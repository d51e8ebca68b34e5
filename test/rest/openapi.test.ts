import { beforeAll, describe, expect, inject, test } from "vitest";
import { type Answer, expectStatus } from "./answer.ts";
import {
  type OpenApiDocument,
  type Operation,
  type OperationObject,
  operationsOf,
  parametersOf,
  referencesIn,
  requiredHeaders,
  resolve,
} from "./openapi-document.ts";
import {
  createConversation,
  createMilestone,
  createOwner,
  createTask,
  createUser,
  uniqueEmail,
  unknownId,
} from "./rows.ts";
import { SchemaCheck } from "./schema-check.ts";
import { useRestServer } from "./server.ts";

const { call } = useRestServer({ changes: true });

/** The guide's reference, in its notation, and later additions. */
const REFERENCE = `
GET /api/v1/users/ | GET /api/v1/users/{user_id} | POST /api/v1/users/ | PATCH /api/v1/users/{user_id}
DELETE /api/v1/users/{user_id} | GET /api/v1/goals/ | GET /api/v1/goals/{goal_id} | GET /api/v1/goals/{goal_id}/full
POST /api/v1/goals/ | POST /api/v1/goals/with-structure | PATCH /api/v1/goals/{goal_id} | DELETE /api/v1/goals/{goal_id}
GET /api/v1/tasks/ | GET /api/v1/tasks/{task_id} | POST /api/v1/tasks/ | PATCH /api/v1/tasks/{task_id}
DELETE /api/v1/tasks/{task_id} | GET /api/v1/tasks/by-timerange | POST /api/v1/tasks/bulk-update-state
POST /api/v1/tasks/import | GET /api/v1/tasks/stream | POST /api/v1/tasks/bulk-update
PATCH /api/v1/tasks/{task_id}/calendar-event | GET /api/v1/tasks/statistics | GET /api/v1/milestones/
GET /api/v1/milestones/{milestone_id} | POST /api/v1/milestones/ | PATCH /api/v1/milestones/{milestone_id}
DELETE /api/v1/milestones/{milestone_id} | GET /api/v1/conversations/ | GET /api/v1/conversations/{id}
POST /api/v1/conversations/ | PATCH /api/v1/conversations/{id}
POST /api/v1/conversations/{id}/messages | GET /api/v1/demo-flags/{user_id} | PUT /api/v1/demo-flags/{user_id} | GET /health | GET /ready
POST /api/v1/batch | GET /api/v1/users/stream | GET /api/v1/users/count | GET /api/v1/goals/stream | GET /api/v1/goals/count
GET /api/v1/milestones/stream | GET /api/v1/milestones/count | GET /api/v1/tasks/count | GET /api/v1/conversations/stream
GET /api/v1/conversations/count | GET /api/v1/changes | GET /api/v1/changes/stream`
  .split(/[|\n]/)
  .map((line) => line.trim())
  .filter((line) => line !== "");

const CHANGE_STREAM = "/api/v1/changes/stream";
const isDeployed = inject("deployment") !== undefined;

let document: OpenApiDocument;
let operations: readonly Operation[];
let schemas: SchemaCheck;

beforeAll(async () => {
  document = expectStatus(await call<OpenApiDocument>("GET", "/openapi.json"), 200);
  operations = operationsOf(document);
  schemas = new SchemaCheck(document);
});

describe("/openapi.json is an OpenAPI 3.1 document", () => {
  test("it declares its version, title and description", () => {
    expect(document.openapi).toMatch(/^3\.1\.\d+$/);
    expect(document.info).toMatchObject({ title: expect.stringMatching(/\S/), version: expect.stringMatching(/\S/) });
    expect(Object.keys(document).filter((name) => !DOCUMENT_FIELDS.has(name))).toEqual([]);
  });

  test("it contains the guide's reference, and nothing else", () => {
    expect(operations.map(({ method, path }) => `${method} ${path}`).sort()).toEqual([...REFERENCE].sort());
  });

  test("every reference resolves, and every component is used or an error of the contract", () => {
    for (const reference of referencesIn(document)) expect(resolve(document, reference), reference).toBeDefined();
  });

  test("operationIds are unique and usable as names", () => {
    const ids = operations.map(({ operation }) => operation.operationId);
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of ids) expect(id).toMatch(/^[a-z][A-Za-z0-9_]*$/);
  });

  test("parameters: each of the path is declared and required, none is declared twice", () => {
    for (const { path, operation } of operations) {
      const parameters = parametersOf(document, operation);
      const inPath = parameters.filter((parameter) => parameter.in === "path");
      expect(
        inPath.map(({ name }) => `{${name}}`),
        path,
      ).toEqual(path.match(/\{\w+\}/g) ?? []);
      for (const parameter of inPath) expect(parameter.required).toBe(true);
      expect(new Set(parameters.map(({ name, in: place }) => `${place} ${name}`)).size).toBe(parameters.length);
      for (const { name, schema } of parameters) expect(schema, `${path} ${name}`).toBeTypeOf("object");
    }
  });

  test("schemas are JSON Schema 2020-12, with no OpenAPI 3.0 keywords, and in snake_case", () => {
    const text = JSON.stringify(document);
    expect(text).not.toMatch(/"nullable":|"exclusiveMinimum":(true|false)|"\$schema":/);
    for (const [name, schema] of Object.entries(document.components.schemas)) {
      for (const property of Object.keys(schema.properties ?? {})) expect(property, name).toMatch(/^[a-z][a-z0-9_]*$/);
      for (const property of schema.required ?? [])
        expect(Object.keys(schema.properties ?? {}), name).toContain(property);
    }
  });

  test("every request body has an example, valid by its schema", () => {
    let count = 0;
    for (const { method, path, operation } of operations) {
      for (const { schema, example, examples } of Object.values(operation.requestBody?.content ?? {})) {
        const all = [example, ...Object.values(examples ?? {}).map(({ value }) => value)].filter(
          (value) => value !== undefined,
        );
        expect(all.length, `${method} ${path} has an example`).toBeGreaterThan(0);
        for (const value of all) expect(schemas.problemsOf(schema, value), `${method} ${path}`).toEqual([]);
        count += all.length;
      }
    }
    expect(count).toBeGreaterThan(10);
  });

  test("every success with a body has an example, valid by its schema", () => {
    for (const { method, path, operation } of operations) {
      for (const status of Object.keys(operation.responses).filter((code) => code.startsWith("2"))) {
        for (const { schema, example } of Object.values(schemas.responseOf(operation, Number(status))?.content ?? {})) {
          expect(example, `${method} ${path}`).toBeDefined();
          expect(schemas.problemsOf(schema, example), `${method} ${path}`).toEqual([]);
        }
      }
    }
  });
});

describe("the document has the security scheme and every error response", () => {
  test("the security scheme is the key's header, and all operations except the probes require it", () => {
    const schemesOf = document.components.securitySchemes;
    const [[name, scheme] = []] = Object.entries(schemesOf);
    expect(Object.keys(schemesOf)).toHaveLength(1);
    expect(scheme).toMatchObject({ type: "apiKey", in: "header", name: "X-Flux-Service-Key" });
    for (const { path, operation } of operations) {
      const needed = operation.security ?? document.security ?? [];
      expect(needed, path).toEqual(path.startsWith("/api/") ? [{ [String(name)]: [] }] : []);
    }
  });

  test("each operation documents the errors that it can return (contract, the table of errors)", () => {
    for (const { method, path, operation } of operations) {
      if (!path.startsWith("/api/")) continue;
      const documented = Object.keys(operation.responses);
      const expected = ["400", "403", "500", "503"];
      if (path.includes("{") && method !== "PUT") expected.push("404");
      if (operation.requestBody !== undefined) expected.push("413", "415");
      // A missing referenced row, or a key reused for another request.
      if (method === "POST") expected.push("422");
      // A unique violation, or a race that was lost in spite of retries: every write.
      if (method !== "GET") expected.push("409");
      expect(documented, `${method} ${path}`).toEqual(expect.arrayContaining(expected));
      for (const status of documented.filter((status) => Number(status) >= 400)) {
        const response = schemas.responseOf(operation, Number(status));
        expect(Object.keys(response?.content ?? {}), `${method} ${path} ${status}`).toEqual([
          "application/problem+json",
        ]);
      }
    }
  });

  test("preconditions and keys are parameters of the operations that support them, with their responses", () => {
    for (const { method, path, operation } of operations) {
      const names = parametersOf(document, operation)
        .filter((parameter) => parameter.in === "header")
        .map(({ name }) => name);
      const isRow = /\{\w+\}(\/calendar-event)?$/.test(path);
      const expected = !isRow ? [] : ["GET", "PUT"].includes(method) ? ["If-Match", "If-None-Match"] : ["If-Match"];
      const isKeyed = method === "POST" && !isStreamed(operation);
      const position = method === "GET" && path.startsWith("/api/") ? ["Flux-Position"] : [];
      expect(names, `${method} ${path}`).toEqual(isKeyed ? ["Idempotency-Key"] : [...expected, ...position]);
      const statuses = Object.keys(operation.responses);
      expect(statuses.includes("412"), `${method} ${path} 412`).toBe(expected.length > 0 || path === "/api/v1/batch");
      expect(statuses.includes("304"), `${method} ${path} 304`).toBe(method === "GET" && isRow);
      const codes = JSON.stringify(schemas.responseOf(operation, 422)?.content ?? {});
      expect(codes.includes("idempotency_key_reused"), `${method} ${path} 422`).toBe(isKeyed);
    }
  });

  test("every response has a description, and a 201 with one row has a Location", () => {
    for (const { method, path, operation } of operations) {
      for (const status of Object.keys(operation.responses)) {
        const response = schemas.responseOf(operation, Number(status));
        expect(response?.description, `${method} ${path} ${status}`).toMatch(/\S/);
        if (status === "201" && !isStreamed(operation)) {
          expect(Object.keys(response?.headers ?? {})).toContain("Location");
        }
      }
    }
  });
});

describe("every documented operation returns something documented", () => {
  /** Valid path parameters and bodies, by path. */
  let good: Readonly<Record<string, GoodRequest>>;

  beforeAll(async () => {
    const goal = await createOwner(call);
    const { id, user_id } = goal;
    const task = await createTask(call, goal, { start_time: "2026-02-15T10:00:00Z" });
    const milestone = await createMilestone(call, goal);
    const conversation = await createConversation(call, goal, { messages: [{ role: "user" }] });
    await call("PUT", `/api/v1/demo-flags/${user_id}`, { body: {} });
    const range = `user_id=${user_id}&start_time=2026-02-15T00:00:00Z&end_time=2026-02-16T00:00:00Z`;
    const structure = {
      goal: { user_id, title: "g" },
      milestones: [{ week_number: 1, title: "m", tasks: [{ title: "t" }] }],
    };
    const line = JSON.stringify({ user_id, goal_id: id, title: "x" });
    good = {
      "/api/v1/users/": { body: { name: "x", email: uniqueEmail() } },
      "/api/v1/users/{user_id}": { id: (await createUser(call)).id, body: { demo_mode: true } },
      "/api/v1/goals/": { body: { user_id, title: "x" } },
      "/api/v1/goals/{goal_id}": { id, body: { category: null } },
      "/api/v1/goals/{goal_id}/full": { id },
      "/api/v1/goals/with-structure": { body: structure },
      "/api/v1/milestones/": { body: { goal_id: id, week_number: 1, title: "x" } },
      "/api/v1/milestones/{milestone_id}": { id: milestone.id, body: { week_number: 2 } },
      "/api/v1/tasks/": { body: { user_id, goal_id: id, title: "x" } },
      "/api/v1/tasks/{task_id}": { id: task.id, body: { end_time: null } },
      "/api/v1/tasks/by-timerange": { query: range },
      "/api/v1/tasks/statistics": { query: range.replaceAll("_time", "_date") },
      "/api/v1/tasks/import": { body: `${line}\n${line}\n`, type: NDJSON },
      "/api/v1/tasks/stream": { query: `user_id=${user_id}` },
      "/api/v1/tasks/count": {
        query: "state=missed&state=drifted&is_null=milestone_id&start_time_from=2026-02-15T00:00:00Z",
      },
      "/api/v1/tasks/bulk-update": { body: { updates: [{ id: task.id, title: "y" }] } },
      "/api/v1/tasks/bulk-update-state": { body: { task_ids: [task.id], new_state: "missed" } },
      "/api/v1/tasks/{task_id}/calendar-event": { id: task.id, body: { calendar_event_id: "x" } },
      "/api/v1/conversations/": { body: { user_id, goal_id: id } },
      "/api/v1/conversations/{id}": { id: conversation.id, body: { status: "closed" } },
      "/api/v1/conversations/{id}/messages": { id: conversation.id, body: { messages: [{ role: "agent" }] } },
      "/api/v1/demo-flags/{user_id}": { id: user_id, body: { escalation_speed: 2 } },
      "/api/v1/batch": {
        body: { operations: [{ method: "DELETE", path: `/api/v1/tasks/${(await createTask(call, goal)).id}` }] },
      },
      "/api/v1/changes": { query: "wait=1" },
      // A stream has no end, and a deployment may have no feed (test/rest/changes.test.ts).
      [CHANGE_STREAM]: { query: "cursor=1-0", status: 410 },
      "/health": {},
      "/ready": {},
    };
  });

  function check({ method, path, operation }: Operation, answer: Answer): void {
    const where = `${method} ${path} ${answer.status}`;
    const response = schemas.responseOf(operation, answer.status);
    expect(response, `${where} is documented`).toBeDefined();
    const [[type, media] = []] = Object.entries(response?.content ?? {});
    if (media === undefined) {
      expect(answer.text, where).toBe("");
      return;
    }
    expect(answer.headers.get("content-type")?.split(";")[0], where).toBe(type);
    const body = type === NDJSON ? answer.text : answer.body;
    expect(schemas.problemsOf(media.schema, body), `${where}: ${answer.text.slice(0, 300)}`).toEqual([]);
  }

  test("a valid request: the documented success, in the documented shape", async () => {
    // Deletions last, and from the tasks up to the users: the others need what they delete.
    const deletions = operations.filter(({ method }) => method === "DELETE");
    const others = operations.filter(({ method }) => method !== "DELETE");
    for (const entry of [...others, ...deletions.toReversed()]) {
      const { method, path, operation } = entry;
      const { id = "", query, body, type, status } = good[path] ?? {};
      const target = path.replace(/\{\w+\}/, id) + (query === undefined ? "" : `?${query}`);
      const headers = type === undefined ? {} : { "Content-Type": type };
      const answer = await call(method, target, operation.requestBody === undefined ? {} : { body, headers });
      check(entry, answer);
      if (answer.status === status || (answer.status === 501 && isDeployed)) continue;
      expect(answer.status, `${method} ${target}: ${answer.text.slice(0, 300)}`).toBeLessThan(300);
      const required = requiredHeaders(document, schemas.responseOf(operation, answer.status) ?? {});
      // Other documented headers are tested where they occur: in preconditions.test.ts, idempotency.test.ts.
      for (const name of ["X-Request-Id", "ETag", "Location"]) {
        expect(answer.headers.has(name), `${method} ${path} has ${name} as documented`).toBe(required.includes(name));
      }
      // Not required of a list, since a long query leaves no room for it; these queries are short.
      const isList = method === "GET" && answer.text.startsWith('{"items":') && path !== "/api/v1/changes";
      expect(answer.headers.has("Link"), `${method} ${path}`).toBe(isList);
      expect(answer.headers.has("Idempotent-Replayed")).toBe(false);
    }
  });

  test("invalid requests of every kind: a documented error, in the documented shape", async () => {
    const statuses = new Set<number>();
    for (const entry of operations) {
      const { method, path, operation } = entry;
      if (!path.startsWith("/api/")) continue;
      const takesBody = operation.requestBody !== undefined;
      const { body, type } = good[path] ?? {};
      const headers = type === undefined ? {} : { "Content-Type": type };
      const known = takesBody ? { body, headers } : {};
      const at = (id: string) => path.replace(/\{\w+\}/, id) + (path === CHANGE_STREAM ? "?cursor=1-0" : "");
      const requests: [target: string, parts: Parameters<typeof call>[2]][] = [
        [`${path.replace(/\{\w+\}/, unknownId())}?unknown=1`, known],
        [at(unknownId()), { ...known, headers: { ...headers, "X-Flux-Service-Key": "wrong" } }],
        [at("no-uuid"), known],
        [at(unknownId()), known],
      ];
      if (takesBody) {
        requests.push([at(unknownId()), { body: "{", headers }], [at(unknownId()), { body: [], headers }]);
        requests.push([at(unknownId()), { body: "x", headers: { "Content-Type": "text/plain" } }]);
        requests.push([at(unknownId()), { body: " ".repeat(1_048_577), headers }]);
        requests.push([
          at(unknownId()),
          { body: { user_id: unknownId(), goal_id: unknownId(), title: "x", week_number: 1 }, headers },
        ]);
      }
      for (const [target, parts] of requests) {
        const answer = await call(method, target, parts);
        statuses.add(answer.status);
        check(entry, answer);
      }
    }
    const ofChanges = isDeployed && statuses.has(501) ? 501 : 410;
    expect([...statuses].filter((status) => status >= 400).sort()).toEqual(
      [400, 403, 404, 409, ofChanges, 413, 415, 422].sort(),
    );
  });
});

/** A valid request of an operation. */
interface GoodRequest {
  /** Instead of a success. */
  readonly status?: number;
  readonly id?: string;
  readonly query?: string;
  readonly body?: unknown;
  /** The media type of the body. Default: JSON's. */
  readonly type?: string;
}

const NDJSON = "application/x-ndjson";

/** Whether its request is NDJSON. */
const isStreamed = ({ requestBody }: OperationObject) => NDJSON in (requestBody?.content ?? {});

const DOCUMENT_FIELDS = new Set([
  "openapi",
  "info",
  "jsonSchemaDialect",
  "servers",
  "paths",
  "webhooks",
  "components",
  "security",
  "tags",
  "externalDocs",
]);
