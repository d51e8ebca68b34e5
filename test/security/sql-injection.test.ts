import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { amount } from "../depth.ts";
import { expectStatus } from "../rest/answer.ts";
import type { OpenApiDocument } from "../rest/openapi-document.ts";
import { createConversation, createMilestone, createOwner, createTask, uniqueEmail } from "../rest/rows.ts";
import { KEYS, useRestServer } from "../rest/server.ts";
import { type FilledRequest, type TextInput, textInputs } from "./text-inputs.ts";

const server = useRestServer();
const { call } = server;

/** Each would have a visible effect if it became part of a statement: rows, tables, an error, a delay. */
const PAYLOADS = [
  "'; drop table canary; --",
  "'); delete from users; --",
  "' or '1'='1",
  '" or ""="',
  "x' || pg_sleep(5) || '",
  "1; select pg_sleep(5)",
  "') returning (select string_agg(usename, ',') from pg_user); --",
  "' union select id, name, email from users --",
  "\\'; drop table canary; --",
  "$1 {0} %(id)s $$; drop table canary; $$ %s :name ? ??",
  "/* */ */ --",
  "U&'\\0027' E'\\x27' 0x27 chr(39)",
];
/** Valid e-mail addresses. */
const ADDRESSES = ["'or'1'='1", "$1", "{x}--", "`id`|x"];
/** Milliseconds; a `pg_sleep` takes longer. */
const LIMIT = 4_000;

let inputs: readonly TextInput[] = [];
let sql: postgres.Sql;
let before: Snapshot;

beforeAll(async () => {
  sql = postgres(server.databaseUrl, { max: 1, onnotice: () => undefined });
  await sql.unsafe("create table canary (id integer); insert into canary values (1)");
  const goal = await createOwner(call);
  const { id: milestone } = await createMilestone(call, goal);
  const { id: task } = await createTask(call, goal);
  const { id: conversation } = await createConversation(call, goal);
  await call("PUT", `/api/v1/demo-flags/${goal.user_id}`, { body: {} });
  const rows: Readonly<Record<string, unknown>> = {
    user_id: goal.user_id,
    goal_id: goal.id,
    milestone_id: milestone,
    task_id: task,
    task_ids: task,
    id: conversation,
  };
  const document = expectStatus(await call<OpenApiDocument>("GET", "/openapi.json"), 200);
  // The requests in a batch are tried below.
  const { "/api/v1/batch": _, ...paths } = document.paths;
  inputs = textInputs({ ...document, paths }, (name, path) => {
    if (name === "email") return uniqueEmail();
    if (name !== "id" || !path.includes("/tasks/")) return rows[name];
    return path.endsWith("/import") ? crypto.randomUUID() : task;
  });
  before = await takeSnapshot();
});
afterAll(() => sql.end());

interface Snapshot {
  /** All relations and functions, and the number of roles, except those that other tests create on the same server. */
  readonly objects: readonly string[];
  /** The number of rows of every table, except the idempotency keys. */
  readonly rows: number;
}

async function takeSnapshot(): Promise<Snapshot> {
  const objects = await sql.unsafe<{ name: string }[]>(
    `select relname::text as name from pg_class where relnamespace = 'public'::regnamespace
     union all select proname::text from pg_proc where pronamespace = 'public'::regnamespace
     union all select 'role' || count(*) from pg_roles where rolname not like 'flux\\_scratch\\_%'
     order by 1`,
  );
  const tables = ["users", "goals", "milestones", "tasks", "conversations", "demo_flags", "canary"];
  const counts = tables.map((table) => `(select count(*) from ${table})`);
  const [total] = await sql.unsafe<{ rows: number }[]>(`select (${counts.join(" + ")})::int as rows`);
  return { objects: objects.map(({ name }) => name), rows: total?.rows ?? 0 };
}

/** Without the checks of every response: a rejection may repeat the path, and the name of a parameter, that were sent. */
async function send({ method, path, body, headers }: FilledRequest) {
  const init = {
    method,
    headers: { "X-Flux-Service-Key": KEYS.scheduler, "Content-Type": "application/json", ...headers },
  };
  const content = body === undefined ? {} : { body: JSON.stringify(body) };
  const response = await fetch(server.baseUrl + path, { ...init, ...content });
  return { status: response.status, text: await response.text() };
}

/** Sends `text` in this place; returns how many rows it created. */
async function inject(input: TextInput, text: string): Promise<number> {
  const start = performance.now();
  const answer = await send(input.request(text));
  const what = `${input.name} = ${text}: ${answer.status} ${answer.text}`;
  expect(performance.now() - start, what).toBeLessThan(LIMIT);
  expect(answer.status, what).toBeLessThan(500);
  if (answer.status >= 400) {
    // No rule of the contract forbids any of these in free text.
    if (input.in !== "header") expect(["form", "email"], what).toContain(input.kind);
    return 0;
  }
  if (input.in !== "header") expect(input.kind, `${what}, which is not a valid value of that format`).not.toBe("form");
  await expectVerbatim(input, text, answer, what);
  if (answer.status !== 201) return 0;
  const imported = /"created_count":(\d+)/.exec(answer.text)?.[1];
  return imported === undefined ? [...answer.text.matchAll(/"id":"/g)].length : Number(imported);
}

/** What was stored is the text itself; a filter on the text finds it. */
async function expectVerbatim(
  input: TextInput,
  text: string,
  answer: { readonly text: string },
  what: string,
): Promise<void> {
  if (input.in === "header") return;
  if (input.in === "query") {
    for (const item of rowsOf(input, answer.text)) expect(item[input.parameter ?? ""], what).toBe(text);
    return;
  }
  const path = input
    .request("")
    .path.replace(/\/messages$/, "")
    .replace(/\/import$/, "/stream");
  const isAnswered = path === input.request("").path;
  const stored = isAnswered ? answer : await send({ method: "GET", path });
  expect(stored.text, what).toContain(JSON.stringify(text));
}

/** The rows of a list or a stream. */
function rowsOf({ path }: TextInput, text: string): readonly Record<string, unknown>[] {
  if (path.endsWith("/count")) return [];
  if (!path.endsWith("/stream")) return JSON.parse(text).items;
  return text.split("\n").flatMap((line) => (line === "" ? [] : JSON.parse(line)));
}

describe("no text of a request becomes part of a statement", () => {
  test("every operation of the document is covered, with all its fields", () => {
    const names = inputs.map(({ name }) => name);
    expect(new Set(inputs.map(({ method, path }) => `${method} ${path}`)).size).toBeGreaterThan(30);
    expect(names).toEqual(
      expect.arrayContaining([
        "GET /api/v1/users/ query.email",
        "GET /api/v1/tasks/{task_id} path.task_id",
        "POST /api/v1/users/ body.preferences.(key)",
        "POST /api/v1/goals/with-structure body.milestones.0.tasks.0.title",
        "POST /api/v1/tasks/bulk-update-state body.task_ids.0",
        "POST /api/v1/tasks/bulk-update body.updates.0.title",
        "POST /api/v1/tasks/import body.title",
        "GET /api/v1/tasks/stream query.calendar_event_id",
        "PATCH /api/v1/conversations/{id} body.messages.(value)",
      ]),
    );
    expect(new Set(names).size).toBe(names.length);
  });

  test("it is stored unchanged, or rejected by a rule; no table or row is lost, and nothing is delayed", {
    timeout: 120_000,
  }, async () => {
    let made = 0;
    let sent = 0;
    // Round-robin: each text is tried in some inputs, and each input with some texts.
    const turns = amount(3, 1);
    for (const [place, input] of inputs.entries()) {
      const texts =
        input.kind === "email" ? [...PAYLOADS, ...ADDRESSES.map((name) => `${name}.${sent}@example.com`)] : PAYLOADS;
      for (const text of texts.filter((_, index) => (index + place) % turns === 0)) {
        // A used key applies to the request that it came with.
        made += await inject(input, input.in === "header" ? `${text} ${sent}` : text);
        sent++;
      }
      expect(await takeSnapshot(), `after ${input.name}`).toEqual({ ...before, rows: before.rows + made });
    }
    expect(sent).toBeGreaterThan(1_500 / turns);
    expect(made).toBeGreaterThan(300 / turns);
  });

  test("nor does one of a request in a batch", async () => {
    const { rows, ...unchanged } = await takeSnapshot();
    const { id } = await createOwner(call);
    for (const [number, text] of PAYLOADS.entries()) {
      const milestone = { goal_id: id, week_number: number + 1, title: text };
      const create = { method: "POST", path: "/api/v1/milestones/", body: milestone };
      const update = { method: "PATCH", path: `/api/v1/goals/${id}`, body: { title: text } };
      const read = { method: "GET", path: `/api/v1/goals/${id}` };
      const batch = (...operations: object[]) => send({ method: "POST", path: "/api/v1/batch", body: { operations } });
      const { status, text: results } = await batch(create, update, read);
      expect({ text, status }).toEqual({ text, status: 200 });
      expect(JSON.parse(results).results.map(({ body }: { body: object }) => body)).toMatchObject([
        { title: text },
        { title: text },
        { title: text },
      ]);
      for (const refused of [
        { ...read, path: `/api/v1/goals/${text}` },
        { ...read, path: `/api/v1/goals/?user_id=${encodeURIComponent(text)}` },
        { ...update, if_match: text },
        { ...create, id: text },
        { ...update, method: text },
      ]) {
        expect((await batch(create, refused)).status, JSON.stringify(refused)).toBeOneOf([400, 412]);
      }
    }
    // Besides a user and a goal, one milestone of each.
    expect(await takeSnapshot()).toEqual({ ...unchanged, rows: rows + 2 + PAYLOADS.length });
  });
});
