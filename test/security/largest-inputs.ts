/** The rows that inputs refer to. */
export interface NamedRows {
  readonly user: string;
  readonly goal: string;
  readonly task: string;
  readonly conversation: string;
}

export interface LargeInput {
  /** Default `POST`. */
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

const MEBIBYTE = 1_048_576;

/** Sixteen times the body limit: an import has no limit in all. */
const IMPORT = 16 * MEBIBYTE;

const CONVERSATIONS = "/api/v1/conversations/";
const STRUCTURES = "/api/v1/goals/with-structure";
const USERS = "/api/v1/users/";

/** `piece`, between `start` and `end`, repeated up to the body limit, or `count` times. */
function filled(start: string, piece: string, end: string, count = Number.POSITIVE_INFINITY): string {
  const room = Math.floor((MEBIBYTE - Buffer.byteLength(start + end)) / Buffer.byteLength(piece));
  return start + piece.repeat(Math.min(count, room)) + end;
}

const imported = (body: string): LargeInput => ({
  path: "/api/v1/tasks/import",
  headers: { "Content-Type": "application/x-ndjson" },
  body,
});

let users = 0;
const user = (preferences: readonly [start: string, piece: string, end: string]): LargeInput => {
  const [start, piece, end] = preferences;
  const fields = `{"name": "x", "email": "${++users}@example.com", "preferences": `;
  return { path: USERS, body: filled(fields + start, piece, `${end}}`) };
};

const names = (count: number, name: (index: number) => string) =>
  `{${Array.from({ length: count }, (_, index) => `"${name(index)}":1`).join(",")}}`;

/** The largest accepted input of each kind that has many parts, or a text that several rules examine. */
export const largestInputs: Readonly<Record<string, (rows: NamedRows) => LargeInput>> = {
  "an import of newlines": () => imported("\n".repeat(IMPORT)),
  "an import of blank lines": () => imported(" \t\r\n".repeat(IMPORT / 4)),
  "an import of one blank line": () => imported(" ".repeat(IMPORT)),
  "an import of tasks with a thousand newlines between": (rows) =>
    imported(`${taskLine(rows)}${"\n".repeat(1_000)}`.repeat(IMPORT / 1_200)),
  "an import of the shortest tasks": (rows) => imported(`${taskLine(rows)}\n`.repeat(10_000)),
  "an import of the longest lines": (rows) =>
    imported(`${filled(`${taskLine(rows).slice(0, -1)},"a":[1`, ",1", "]}")}\n`.repeat(16)),

  "numbers in a JSON column": () => user(['{"a":[1', ",1", "]}"]),
  "long numbers in a JSON column": () => user(['{"a":[1', ",1234567890123456", "]}"]),
  "numbers after one that a double cannot represent": () => user(['{"a":[12345678901234567890', ",1", "]}"]),
  "texts after one that a double cannot represent": () => user(['{"a":[12345678901234567890', ',""', "]}"]),
  "a number of a million digits": () => user(['{"a":[', "9", "]}"]),
  "backslashes in a text": () => user(['{"a":[12345678901234567890,"', "\\\\", '"]}']),
  "quotation marks in a text": () => user(['{"a":[12345678901234567890,"', '\\"', '"]}']),
  "lists in a JSON column": () => user(['{"a":[[]', ",[]", "]}"]),
  "objects in a JSON column": () => user(['{"a":[{}', ",{}", "]}"]),
  "lists within lists in a JSON column": () => ({
    path: USERS,
    body: `{"preferences":{"a":${"[".repeat(MEBIBYTE / 3)}${"]".repeat(MEBIBYTE / 3)}}}`,
  }),
  "names in a JSON column": () => ({
    path: USERS,
    body: `{"name":"x","email":"${++users}@example.com","preferences":${names(60_000, (index) => `a${index}`)}}`,
  }),

  "unknown fields": () => ({ path: USERS, body: names(90_000, (index) => `a${index}`) }),
  "a field repeated many times": () => ({ path: USERS, body: filled('{"name":"x"', ',"name":"x"', "}") }),
  "a name of a million characters": () => ({ path: USERS, body: filled('{"', "a_", 'a":1}') }),
  "unknown objects": () => ({ path: USERS, body: filled('{"a":[{"b_c":1}', ',{"b_c":1}', "]}") }),
  "objects in place of text": () => ({ path: USERS, body: filled('{"name":[{}', ",{}", "]}") }),
  "a body that is invalid JSON only at its last character": () => ({ path: USERS, body: filled('{"a":[1', ",1", "]") }),
  "NULs in a text": () => ({ path: USERS, body: filled('{"name":"', "\\u0000", '"}') }),
  "a name of emoji": () => ({ path: USERS, body: filled('{"name":"', "🙂", '"}') }),
  "an e-mail address of many labels": () => ({ path: USERS, body: filled('{"email":"a@', "a.", '"}') }),
  "an instant of digits": () => ({
    path: "/api/v1/tasks/",
    body: filled('{"start_time":"2026-02-15T10:00:00.', "0", '"}'),
  }),

  "a structure of 10,000 tasks": ({ user: owner }) => ({
    path: STRUCTURES,
    body: filled(
      `{"goal":{"user_id":"${owner}","title":"x"},"milestones":[{"week_number":1,"title":"x","tasks":[{"title":"x"}`,
      ',{"title":"x"}',
      "]}]}",
      9_999,
    ),
  }),
  "a structure of tasks that break every rule": () => ({
    path: STRUCTURES,
    body: filled(
      '{"milestones":[{"tasks":[{}',
      ',{"start_time":1,"end_time":1,"state":1,"priority":1,"trigger_type":1,"is_recurring":1}',
      "]}]}",
      9_999,
    ),
  }),
  "a structure of too many milestones": () => ({ path: STRUCTURES, body: filled('{"milestones":[{}', ",{}", "]}") }),
  "a structure of too many tasks": () => ({
    path: STRUCTURES,
    body: filled('{"milestones":[{"tasks":[{}', ",{}", "]}]}"),
  }),
  "too many ids": () => ({ path: "/api/v1/tasks/bulk-update-state", body: filled('{"task_ids":[1', ",1", "]}") }),
  "one id a thousand times": ({ task }) => ({
    path: "/api/v1/tasks/bulk-update-state",
    body: filled(`{"new_state":"missed","task_ids":["${task}"`, `,"${task}"`, "]}", 999),
  }),
  "a thousand changes of one task that break every rule": ({ task }) => ({
    path: "/api/v1/tasks/bulk-update",
    body: filled(
      `{"updates":[{"id":"${task}"}`,
      `,{"id":"${task}","title":1,"start_time":1,"end_time":1,"state":1,"priority":1,"trigger_type":1,"is_recurring":1}`,
      "]}",
      999,
    ),
  }),
  "a thousand messages": ({ conversation }) => ({
    path: `${CONVERSATIONS}${conversation}/messages`,
    body: filled('{"messages":[1', ',{"role":"user","content":"x"}', "]}", 999),
  }),
  "messages under an idempotency key": ({ user: owner }) => ({
    path: CONVERSATIONS,
    headers: { "Idempotency-Key": crypto.randomUUID() },
    body: filled(`{"user_id":"${owner}","messages":[1`, ",1", "]}"),
  }),

  "parameters that are unknown": () => ({ method: "GET", path: `${USERS}?${"a&".repeat(6_000)}` }),
  "a parameter repeated many times": () => ({ method: "GET", path: `${USERS}?${"page=1&".repeat(1_700)}` }),
  "segments of a path": () => ({ method: "GET", path: `/api/v1/${"x/".repeat(6_000)}` }),
  "escapes in a path": () => ({ method: "GET", path: `${USERS}${"%41".repeat(4_000)}` }),
  "entity-tags": ({ user: id }) => conditional(id, '"",'.repeat(4_000)),
  "commas between entity-tags": ({ user: id }) => conditional(id, ",".repeat(14_000)),
  "spaces after an entity-tag": ({ user: id }) => conditional(id, `"x"${" ".repeat(14_000)}x`),
  "hyphens in an entity-tag": ({ user: id }) => conditional(id, `"${"-".repeat(14_000)}"`),
  "parameters of a media type": () => mediaType("; charset=utf-8 ".repeat(900)),
  "spaces in a media type": () => mediaType(`;${" ".repeat(14_000)}x`),
};

const taskLine = ({ user: owner, goal }: NamedRows) => `{"user_id":"${owner}","goal_id":"${goal}","title":"x"}`;

const conditional = (id: string, tags: string): LargeInput => ({
  method: "PATCH",
  path: `${USERS}${id}`,
  headers: { "If-Match": tags },
  body: "{}",
});

const mediaType = (parameters: string): LargeInput => ({
  path: USERS,
  headers: { "Content-Type": `application/json${parameters}` },
  body: "{}",
});
