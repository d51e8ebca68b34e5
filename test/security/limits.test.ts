import { beforeAll, describe, expect, test } from "vitest";
import { expectProblem, expectStatus } from "../rest/answer.ts";
import type { OpenApiDocument } from "../rest/openapi-document.ts";
import { requestHead, sendRaw } from "../rest/raw-socket.ts";
import { createConversation, createOwner, createTask, createUser, type GoalRow, uniqueEmail } from "../rest/rows.ts";
import { KEYS, useRestServer } from "../rest/server.ts";
import { type TextInput, textInputs } from "./text-inputs.ts";

const server = useRestServer();
const { call } = server;
const key = `X-Flux-Service-Key: ${KEYS.scheduler}`;

let goal: GoalRow;
beforeAll(async () => {
  goal = await createOwner(call);
});

/** Maximum bytes of request line and headers together (SECURITY.md, "Limits"). */
const HEAD_LIMIT = 16_384;
const BODY_LIMIT = 1_048_576;
const DEPTH_LIMIT = 64;

describe("431 for a head over 16 KiB", () => {
  // Node counts names and values, not the separators between them.
  const margin = 300;

  test("one long header", async () => {
    const head = (length: number) => requestHead("GET", "/api/v1/users/", key, `X-Large: ${"x".repeat(length)}`);
    expect((await sendRaw(server.baseUrl, head(HEAD_LIMIT - margin))).status).toBe(200);
    expect((await sendRaw(server.baseUrl, head(HEAD_LIMIT))).status).toBe(431);
  });

  test("many short headers: as many as fit are accepted, quickly", async () => {
    const head = (count: number) => requestHead("GET", "/api/v1/users/", key, ...Array(count).fill("a: 12345"));
    expect((await sendRaw(server.baseUrl, head(1_500))).status).toBe(200);
    expect((await sendRaw(server.baseUrl, head(4_000))).status).toBe(431);
  });

  test("a key after 2,500 other headers still counts, and so does a precondition", async () => {
    const many = Array(2_500).fill("a:1");
    expect((await sendRaw(server.baseUrl, requestHead("GET", "/api/v1/users/", ...many, key))).status).toBe(200);
    const conditional = requestHead("GET", "/api/v1/users/", key, ...many, 'If-Match: "x"');
    expect((await sendRaw(server.baseUrl, conditional)).status).toBe(400);
  });

  test("a long URL, by path or by query, is not echoed", async () => {
    for (const target of [`/api/v1/${"x".repeat(HEAD_LIMIT)}`, `/api/v1/users/?email=${"x".repeat(HEAD_LIMIT)}`]) {
      const answer = await sendRaw(server.baseUrl, requestHead("GET", target, key));
      expect(answer.status).toBe(431);
      expect(answer.text.length).toBeLessThan(1_000);
    }
    const long = `/health?x=${"x".repeat(HEAD_LIMIT - 500)}`;
    expect((await sendRaw(server.baseUrl, requestHead("GET", long, key))).status).toBe(200);
  });
});

describe("413 for a body over 1 MiB, which is not even read", () => {
  test("on every operation with a body", async () => {
    const document = expectStatus(await call<OpenApiDocument>("GET", "/openapi.json"), 200);
    // For NDJSON that is the limit of a line: test/rest/task-streams.test.ts.
    const isWhole = (path: string) => !path.endsWith("/import");
    const bodies = textInputs(document, () => crypto.randomUUID()).filter(
      (input) => input.in === "body" && isWhole(input.path),
    );
    const operations = new Map(bodies.map((input) => [`${input.method} ${input.path}`, input]));
    expect(operations.size).toBeGreaterThan(13);
    for (const input of operations.values()) {
      const { method, path } = input.request("");
      const json = "Content-Type: application/json";
      const announced = requestHead(method, path, key, json, `Content-Length: ${BODY_LIMIT + 1}`);
      expect((await sendRaw(server.baseUrl, announced)).status, input.name).toBe(413);
      expect((await call(method, path, { body: "x".repeat(BODY_LIMIT) })).status, input.name).not.toBe(413);
    }
  });
});

describe("400 for JSON deeper than 64", () => {
  const nested = (depth: number) => `${"[".repeat(depth)}${"]".repeat(depth)}`;

  test("in preferences and in messages, on every operation", async () => {
    const user = await createUser(call);
    const conversation = await createConversation(call, goal);
    const places: readonly [method: string, path: string, body: (json: string) => string][] = [
      ["POST", "/api/v1/users/", (json) => `{"name": "x", "email": "${uniqueEmail()}", "preferences": {"a": ${json}}}`],
      ["PATCH", `/api/v1/users/${user.id}`, (json) => `{"preferences": {"a": ${json}}}`],
      [
        "POST",
        "/api/v1/conversations/",
        (json) => `{"user_id": "${goal.user_id}", "goal_id": "${goal.id}", "messages": [${json}]}`,
      ],
      ["PATCH", `/api/v1/conversations/${conversation.id}`, (json) => `{"messages": [${json}]}`],
      ["POST", `/api/v1/conversations/${conversation.id}/messages`, (json) => `{"messages": [${json}]}`],
    ];
    for (const [method, path, body] of places) {
      // The column's own object or array is the first of the 64.
      expect((await call(method, path, { body: body(nested(DEPTH_LIMIT - 1)) })).status, path).toBeLessThan(300);
      expectProblem(await call(method, path, { body: body(nested(DEPTH_LIMIT)) }), 400);
      expectProblem(await call(method, path, { body: body(nested(100_000)) }), 400);
    }
  });
});

describe("no text takes long to reject", () => {
  /** Texts that cause backtracking in patterns that can match in more than one way. */
  const REPEATED = [
    "a",
    "a.",
    "@",
    "0",
    "-",
    " ",
    "a@",
    "\t",
    "2026-02-15T10:00:00",
    "é",
    "\\",
    "%",
    "[",
    "'",
    "\u0000",
  ];
  const LENGTH = 200_000;
  /** Milliseconds, for a busy machine; a pattern with catastrophic backtracking takes minutes. */
  const LIMIT = 3_000;

  test("in any field of any operation", { timeout: 120_000 }, async () => {
    const { id: task } = await createTask(call, goal);
    const rows: Readonly<Record<string, unknown>> = { user_id: goal.user_id, goal_id: goal.id, task_ids: task };
    const document = expectStatus(await call<OpenApiDocument>("GET", "/openapi.json"), 200);
    const inputs = textInputs(document, (name) => (name === "email" ? uniqueEmail() : rows[name]));
    const slow: string[] = [];
    for (const [index, input] of inputs.entries()) {
      // They take turns, over hundreds of fields of a few kinds; e-mail addresses have the most complex pattern.
      const texts = input.kind === "email" ? REPEATED : REPEATED.filter((_, turn) => (turn + index) % 4 === 0);
      for (const text of texts) {
        const start = performance.now();
        const status = await send(input, `${text.repeat(LENGTH / text.length)}!`);
        expect(status, `${input.name} = ${text}…`).toBeLessThan(500);
        if (performance.now() - start > LIMIT) slow.push(`${input.name} = ${text}…`);
      }
    }
    expect(slow).toEqual([]);
  });

  async function send(input: TextInput, text: string): Promise<number> {
    const isHead = input.in !== "body";
    // As long as fits into the head.
    const { method, path, body, headers } = input.request(isHead ? text.replace(/[^ -~]/g, "x").slice(0, 4_000) : text);
    const sent = {
      method,
      headers: { "X-Flux-Service-Key": KEYS.scheduler, "Content-Type": "application/json", ...headers },
    };
    const content = body === undefined ? {} : { body: JSON.stringify(body) };
    const response = await fetch(server.baseUrl + path, { ...sent, ...content });
    await response.arrayBuffer();
    return response.status;
  }
});
