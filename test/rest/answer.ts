import { expect } from "vitest";

/** A response of the service. */
export interface Answer<Body = unknown> {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The text parsed as JSON; `undefined` if there is none. */
  readonly body: Body;
}

/** One broken rule of a validation error. */
interface ProblemIssue {
  readonly path: string;
  readonly message: string;
}

/** An error as in the contract: RFC 9457 problem details with a `code`. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly instance: string;
  readonly code: string;
  readonly errors?: readonly ProblemIssue[];
}

/** The table of contract.md, "Errors", and later additions. */
export const CODE_OF_STATUS = {
  400: "validation_failed",
  403: "invalid_service_key",
  404: "not_found",
  405: "method_not_allowed",
  409: "conflict",
  410: "cursor_expired",
  412: "version_mismatch",
  413: "payload_too_large",
  415: "unsupported_media_type",
  422: ["related_row_missing", "idempotency_key_reused"],
  500: "internal_error",
  501: "changes_disabled",
  503: "unavailable",
} as const satisfies Record<number, string | readonly string[]>;

/** Whether the contract has this code for this status. */
function isCodeOf(status: number, code: unknown): boolean {
  const codes: string | readonly string[] = CODE_OF_STATUS[status as keyof typeof CODE_OF_STATUS] ?? [];
  return typeof code === "string" && (codes === code || (typeof codes === "object" && codes.includes(code)));
}

/** What no response to a failed request may show: SQL, a stack trace, a connection, a key. */
const LEAKS: Readonly<Record<string, RegExp>> = {
  SQL: /\bselect\b.+\bfrom\b|\binsert into\b|\bupdate\b.+\bset\b.+=|\bdelete from\b|\$\d|"public"|\breturning\b/is,
  "a constraint's or an index's name":
    /\b(users|goals|milestones|tasks|conversations|demo_flags)_\w*(key|check|idx)\b|\bidx_/,
  "a stack": /\n\s+at |\bat [\w.<>]+ \(|node_modules|\.[cm]?[jt]s:\d+|file:\/\//,
  "a connection": /postgres(ql)?:\/\/|\bECONN|CONNECTION_/,
  "a service key": /(goal-planner|scheduler|observer)-key-/,
  "a name of the TypeScript side":
    /\b(userId|goalId|milestoneId|startTime|endTime|weekNumber|demoMode|triggerType|isRecurring|calendarEventId|taskIds|newState|virtualNow|escalationSpeed|startDate|endDate)\b/,
};

/** Checks what holds for every response of the service, whatever the request. */
export function checkAnswer(method: string, path: string, answer: Answer): void {
  const where = `${method} ${path.slice(0, 200)}`;
  const { status, headers, text } = answer;
  expect(headers.get("x-request-id"), `${where} has a request id`).toMatch(/^[\x21-\x7e]{1,200}$/);
  expect(status >= 300 && status < 400 && status !== 304, `${where} is not redirected`).toBe(false);
  if (status < 400) {
    if (status === 204 || status === 304) expect(text, `${where} has no content`).toBe("");
    return;
  }
  for (const [what, pattern] of Object.entries(LEAKS)) {
    expect(pattern.exec(text)?.[0], `${where} shows ${what}: ${text.slice(0, 500)}`).toBeUndefined();
  }
  // The readiness probe has a body of its own (contract, "REST"); HEAD has none.
  if (/^\/ready\/?(\?|$)/.test(path) && status === 503) return;
  if (method === "HEAD") expect(text).toBe("");
  else checkProblem(where, answer);
}

function checkProblem(where: string, { status, headers, body }: Answer): void {
  expect(headers.get("content-type"), where).toMatch(/^application\/problem\+json\b/);
  const problem = {
    type: expect.stringMatching(/^\S+$/),
    title: expect.stringMatching(/\S/),
    status,
    detail: expect.stringMatching(/^\S.*\.$/s),
    instance: expect.stringMatching(/^\S+$/),
    code: expect.any(String),
  };
  const issue = { path: expect.any(String), message: expect.stringMatching(/\S/) };
  const sent: Readonly<Record<string, unknown>> = typeof body === "object" && body !== null ? { ...body } : {};
  const errors = Array.isArray(sent["errors"]) ? sent["errors"].map(() => issue) : [];
  // A row that would be too large has issues, a body that is too large has none; of a batch, any operation that failed.
  const isOfBatch = where.startsWith("POST /api/v1/batch") && errors.length > 0;
  if (status === 400 || isOfBatch || (status === 413 && errors.length > 0)) Object.assign(problem, { errors });
  // The unique value, foreign key or race, for programs (RFC 9457, 3.2: extension members).
  for (const name of ["field", "id", "reason"]) {
    if ((status === 409 || status === 422) && name in sent) Object.assign(problem, { [name]: expect.any(String) });
  }
  expect(body, where).toEqual(problem);
  expect(isCodeOf(status, sent["code"]), `${where} returns ${status} ${sent["code"]}`).toBe(true);
  if (status === 400) expect(errors.length, `${where} says what is wrong in "errors"`).toBeGreaterThan(0);
  if (status === 503) expect(headers.get("retry-after"), `${where} says when to retry`).toMatch(/^\d+$/);
}

/** Expects a problem of this status; returns it. */
export function expectProblem(answer: Answer, status: keyof typeof CODE_OF_STATUS): Problem {
  expect({ status: answer.status, text: answer.status === status ? "" : answer.text }).toEqual({ status, text: "" });
  return answer.body as Problem;
}

/** Expects a validation error about exactly these fields, in the caller's spelling; returns it. */
export function expectInvalid(answer: Answer, ...paths: string[]): Problem {
  const problem = expectProblem(answer, 400);
  expect([...new Set(problem.errors?.map((issue) => issue.path))].sort(), answer.text).toEqual(paths.sort());
  return problem;
}

/** Expects this status; returns the body. */
export function expectStatus<Body>(answer: Answer<Body>, status: number): Body {
  expect({ status: answer.status, text: answer.status === status ? "" : answer.text }).toEqual({ status, text: "" });
  return answer.body;
}
