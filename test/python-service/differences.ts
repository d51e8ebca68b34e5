import { type Reply, type Service, send } from "./python-service.ts";

/** Rows that both services see. */
export interface Rows {
  readonly user: string;
  readonly goal: string;
  readonly milestone: string;
  /** Starts at a microsecond: 2026-02-15T10:00:00.123456Z. */
  readonly task: string;
  /** Has no goal. */
  readonly early: string;
  /** Its messages are a string that contains an array. */
  readonly planned: string;
  /** Its preferences are JSON null. */
  readonly bare: string;
}

/** A difference that callers notice, as listed in `docs/how-to/move-from-python.md`. */
export interface Difference {
  /** The first cell of its row in the page's table, or the beginning of that cell. */
  readonly row: string;
  readonly what?: string;
  readonly send: (service: Service, rows: Rows) => Promise<Reply>;
  readonly python: Partial<Reply>;
  readonly ours: Partial<Reply>;
}

let made = 0;
/** A new address each time. */
const email = () => `difference.${++made}.${Date.now()}@example.com`;
const refused = { status: 400 };
const failed = { status: 500 };

type Send = Difference["send"];
const get =
  (path: (rows: Rows) => string): Send =>
  (service, rows) =>
    send(service, "GET", path(rows));
const post =
  (path: string, body: (rows: Rows) => unknown, headers?: Readonly<Record<string, string>>): Send =>
  (service, rows) =>
    send(service, "POST", path, { body: body(rows), ...(headers && { headers }) });
const patch =
  (path: (rows: Rows) => string, body: unknown): Send =>
  (service, rows) =>
    send(service, "PATCH", path(rows), { body });

const newUser = (fields: object) => post("/users/", () => ({ name: "x", email: email(), ...fields }));
const newTask = (fields: object) =>
  post("/tasks/", ({ user, goal }) => ({ user_id: user, goal_id: goal, title: "t", ...fields }));
const newMilestone = (week: unknown) =>
  post("/milestones/", ({ goal }) => ({ goal_id: goal, title: "m", week_number: week }));
const task = ({ task: id }: Rows) => `/tasks/${id}`;
const timerange = (start: string, end: string) =>
  get(({ user }) => `/tasks/by-timerange?user_id=${user}&start_time=${start}&end_time=${end}`);
const unknown = "00000000-0000-4000-8000-00000000dead";
const FIVE_HUNDREDS = "a duplicate e-mail,";

export const DIFFERENCES: readonly Difference[] = [
  {
    row: "a validation error",
    send: newUser({ name: "" }),
    python: { status: 422, body: { detail: [{}] } },
    ours: {
      status: 400,
      body: { detail: "name must be 1 to 255 characters long, not 0.", errors: [{ path: "name" }] },
    },
  },
  { row: FIVE_HUNDREDS, send: newUser({ email: "jane@example.com" }), python: failed, ours: { status: 409 } },
  {
    row: FIVE_HUNDREDS,
    what: "a missing user",
    send: post("/goals/", () => ({ user_id: unknown, title: "g" })),
    python: failed,
    ours: { status: 422 },
  },
  {
    row: FIVE_HUNDREDS,
    what: "an explicit null",
    send: patch(({ user }) => `/users/${user}`, { demo_mode: null }),
    python: failed,
    ours: refused,
  },
  {
    row: FIVE_HUNDREDS,
    what: "an end patched before the start",
    send: patch(task, { end_time: "2026-02-15T09:00:00Z" }),
    python: failed,
    ours: refused,
  },
  { row: FIVE_HUNDREDS, what: "NUL", send: newUser({ name: "a\u0000" }), python: failed, ours: refused },
  {
    row: FIVE_HUNDREDS,
    what: "surrogates",
    send: post("/users/", () => `{"name": "\\ud800", "email": "${email()}"}`),
    python: failed,
    ours: refused,
  },
  { row: FIVE_HUNDREDS, what: "a number out of range", send: newMilestone(2 ** 31), python: failed, ours: refused },
  {
    row: FIVE_HUNDREDS,
    what: "an enum's value within a structure",
    send: post("/goals/with-structure", ({ user }) => ({
      goal: { user_id: user, title: "g" },
      milestones: [{ week_number: 1, title: "m", tasks: [{ title: "t", state: "done" }] }],
    })),
    python: failed,
    ours: refused,
  },
  {
    row: "a time without an offset",
    send: newTask({ start_time: "2026-02-15T10:00:00" }),
    python: { status: 201 },
    ours: refused,
  },
  {
    row: "a time as seconds since 1970",
    send: newTask({ start_time: 1_771_149_600 }),
    python: { status: 201 },
    ours: refused,
  },
  {
    row: "a time as seconds since 1970",
    what: "in a query",
    send: timerange("1771149600", "1771149601"),
    python: { status: 200 },
    ours: refused,
  },
  {
    row: "a time as seconds since 1970",
    what: "a date alone",
    send: newTask({ start_time: "2026-02-15" }),
    python: { status: 201 },
    ours: refused,
  },
  { row: '`"5"` for a number', send: newMilestone("5"), python: { status: 201 }, ours: refused },
  {
    row: '`"5"` for a number',
    what: '"true" for a boolean',
    send: newUser({ demo_mode: "true" }),
    python: { status: 201 },
    ours: refused,
  },
  {
    row: "a range whose start is after its end",
    send: timerange("2026-02-16T00:00:00Z", "2026-02-15T00:00:00Z"),
    python: { status: 200, body: [] },
    ours: refused,
  },
  {
    row: "a range whose start is after its end",
    what: "of statistics",
    send: get(
      ({ user }) => `/tasks/statistics?user_id=${user}&start_date=2026-02-16T00:00:00Z&end_date=2026-02-15T00:00:00Z`,
    ),
    python: { status: 200 },
    ours: refused,
  },
  {
    row: "a query parameter that is unknown",
    send: get(() => "/users/?colour=red"),
    python: { status: 200 },
    ours: refused,
  },
  {
    row: "a query parameter that is unknown",
    what: "one that is there twice",
    send: get(() => "/users/?limit=1&limit=2"),
    python: { status: 200 },
    ours: refused,
  },
  { row: "a UUID in braces", send: get(({ user }) => `/users/%7B${user}%7D`), python: { status: 200 }, ours: refused },
  {
    row: "a UUID in braces",
    what: "without hyphens",
    send: get(({ user }) => `/users/${user.replaceAll("-", "")}`),
    python: { status: 200 },
    ours: refused,
  },
  {
    row: "a UUID in braces",
    what: "after urn:uuid:",
    send: get(({ user }) => `/users/urn:uuid:${user}`),
    python: { status: 200 },
    ours: refused,
  },
  {
    row: "an e-mail address without @",
    send: newUser({ email: `nowhere.${Date.now()}` }),
    python: { status: 500 },
    ours: refused,
  },
  {
    row: "a media type of JSON other than",
    send: post("/users/", () => ({ name: "x", email: email() }), { "Content-Type": "application/vnd.api+json" }),
    python: { status: 201 },
    ours: { status: 415 },
  },
  {
    row: "JSON that nests deeper",
    send: newUser({ preferences: JSON.parse(`{"a":${"[".repeat(64)}${"]".repeat(64)}}`) }),
    python: { status: 201 },
    ours: refused,
  },
  {
    row: "a number in JSON that no double holds",
    send: post("/users/", () => `{"name": "x", "email": "${email()}", "preferences": {"a": 9007199254740993}}`),
    python: { status: 201 },
    ours: refused,
  },
  {
    row: "headers of more than",
    send: (service, { user }) => send(service, "GET", `/users/${user}`, { headers: { "X-Trace": "x".repeat(20_000) } }),
    python: { status: 200 },
    ours: { status: 431 },
  },
  {
    row: "the size of a body",
    send: newUser({ preferences: { a: "x".repeat(1_100_000) } }),
    python: { status: 201 },
    ours: { status: 413 },
  },
  {
    row: "`milestone_id` in a task's `PATCH`",
    send: patch(task, { milestone_id: unknown }),
    python: { status: 200, body: { milestone_id: null } },
    ours: { status: 422 },
  },
  {
    row: "microseconds",
    send: get(task),
    python: { body: { start_time: "2026-02-15T10:00:00.123456Z" } },
    ours: { body: { start_time: "2026-02-15T10:00:00.123Z" } },
  },
  {
    row: "`by_state` in statistics",
    send: get(
      ({ bare }) => `/tasks/statistics?user_id=${bare}&start_date=2026-02-15T00:00:00Z&end_date=2026-02-16T00:00:00Z`,
    ),
    python: { status: 200, body: { by_state: {} } },
    ours: { status: 200, body: { by_state: { scheduled: 0, drifted: 0, completed: 0, missed: 0 } } },
  },
  {
    row: "a path without its trailing slash",
    send: get(() => "/users"),
    python: { status: 307 },
    ours: { status: 200 },
  },
  {
    row: "lists",
    send: get(() => "/users/?skip=0&limit=1"),
    python: { status: 200, body: { page: 1, page_size: 1 } },
    ours: { status: 200, body: { page: 1, page_size: 1 } },
  },
  {
    row: "`preferences` and `messages` that are JSON null",
    send: get(({ bare }) => `/users/${bare}`),
    python: { body: { preferences: null } },
    ours: { body: { preferences: {} } },
  },
  {
    row: "a conversation without a goal",
    send: get(({ early }) => `/conversations/${early}`),
    python: failed,
    ours: { status: 200, body: { goal_id: null } },
  },
  {
    row: "`messages` that its planner wrote",
    send: get(({ planned }) => `/conversations/${planned}`),
    python: failed,
    ours: { status: 200, body: { messages: [{ role: "user" }] } },
  },
];
