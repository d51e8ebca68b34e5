/**
 * The yardstick with the duties of a service, each by hand in its least form: a key compared in constant time, checked input, a limit
 * of the body's size and time, a limit of concurrent requests, request ids, `ETag`s and a line of JSON for each request.
 * `server-duties.js <database URL> <service key>` prints its port to standard error.
 */
import { createHash, randomUUID, timingSafeEqual } from "node:crypto";
import { writeSync } from "node:fs";
import { createServer, IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type BodyKind, handwrittenRoutes } from "./handwritten-routes.ts";

const [, , databaseUrl = "", serviceKey = ""] = process.argv;
const BODY_LIMIT = 1_048_576;
const BODY_TIMEOUT = 30_000;
const CONCURRENT = 128;
const KEY_BYTES = 200;

class Rejection extends Error {
  readonly status: number;

  constructor(status: number) {
    super(`status ${status}`);
    this.status = status;
  }
}

const uuid = /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/i;
const rfc3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/;
const states: ReadonlySet<unknown> = new Set(["scheduled", "drifted", "completed", "missed"]);
const priorities: ReadonlySet<unknown> = new Set(["standard", "important", "must-not-miss"]);
const triggers: ReadonlySet<unknown> = new Set(["time", "on_leaving_home"]);

type Fields = Readonly<Record<string, unknown>>;
type Check = (value: unknown) => boolean;

const isFields = (value: unknown): value is Fields => typeof value === "object" && value !== null;
const isId: Check = (value) => typeof value === "string" && uuid.test(value);
const isInstant: Check = (value) =>
  typeof value === "string" && rfc3339.test(value) && !Number.isNaN(Date.parse(value));
const isText =
  (least: number, most: number): Check =>
  (value) =>
    typeof value === "string" && value.length >= least && value.length <= most && value.isWellFormed();
const isTitle = isText(1, 500);
const isWord = isText(0, 255);
const orAbsent =
  (check: Check): Check =>
  (value) =>
    value === undefined || value === null || check(value);
const isList =
  (most: number, check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.length <= most && value.every(check);
const isObject = (shape: Readonly<Record<string, Check>>): Check => {
  const fields = Object.entries(shape);
  return (value) => isFields(value) && fields.every(([name, check]) => check(value[name]));
};

const taskFields = {
  title: isTitle,
  start_time: orAbsent(isInstant),
  end_time: orAbsent(isInstant),
  state: orAbsent((value) => states.has(value)),
  priority: orAbsent((value) => priorities.has(value)),
  trigger_type: orAbsent((value) => triggers.has(value)),
  is_recurring: orAbsent((value) => typeof value === "boolean"),
  calendar_event_id: orAbsent(isWord),
};
const change = { title: orAbsent(isTitle), state: taskFields.state };
const checks: Readonly<Record<BodyKind, Check>> = {
  task: isObject({ ...taskFields, user_id: isId, goal_id: isId, milestone_id: orAbsent(isId) }),
  change: isObject(change),
  bulk: isObject({ task_ids: isList(1_000, isId), new_state: taskFields.state }),
  changes: isObject({ updates: isList(1_000, isObject({ ...change, id: isId })) }),
  messages: isObject({ messages: isList(1_000, isObject({ content: isText(0, BODY_LIMIT) })) }),
  structure: isObject({
    goal: isObject({ user_id: isId, title: isTitle }),
    milestones: isList(1_000, isObject({ title: isTitle, tasks: orAbsent(isList(10_000, isObject(taskFields))) })),
  }),
};

const respond = handwrittenRoutes(databaseUrl, { readBody, id: must(isId), instant: must(isInstant), send });

function must(check: Check): (text: string) => string {
  return (text) => {
    if (!check(text)) throw new Rejection(422);
    return text;
  };
}

function readBody<Body>(request: Request, kind: BodyKind): Promise<Body> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const timer = setTimeout(() => reject(new Rejection(408)), BODY_TIMEOUT);
    request.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > BODY_LIMIT) reject(new Rejection(413));
      else chunks.push(chunk);
    });
    request.on("end", () => {
      clearTimeout(timer);
      try {
        const body = JSON.parse(Buffer.concat(chunks).toString());
        if (!checks[kind](body)) throw new Rejection(422);
        resolve(body);
      } catch (error) {
        reject(error);
      }
    });
    request.on("error", reject);
  });
}

const key = padded(serviceKey);

function padded(text: string): Buffer {
  const bytes = Buffer.alloc(KEY_BYTES + 1);
  bytes.write(text);
  bytes[KEY_BYTES] = Math.min(text.length, 255);
  return bytes;
}

/** With what is learned of it. */
class Request extends IncomingMessage {
  readonly begun = performance.now();
  requestId = "";
}

const waiting: (() => void)[] = [];
let running = 0;

const server = createServer({ IncomingMessage: Request }, (request, response) => {
  const sent = request.headers["x-request-id"];
  request.requestId = typeof sent === "string" ? sent : randomUUID();
  handle(request, response).catch((error: unknown) => {
    const status = error instanceof Rejection ? error.status : 500;
    log(request, status);
    response.writeHead(status).end();
  });
});
server.listen(0, "127.0.0.1", () => console.error(`Port ${(server.address() as AddressInfo).port}`));

async function handle(request: Request, response: ServerResponse): Promise<void> {
  if (!timingSafeEqual(padded(String(request.headers["x-flux-service-key"])), key)) throw new Rejection(403);
  if (running >= CONCURRENT) await new Promise<void>((resolve) => waiting.push(resolve));
  running++;
  try {
    await respond(request, response);
  } finally {
    running--;
    waiting.shift()?.();
  }
}

function send(request: Request, response: ServerResponse, status: number, value: unknown): void {
  if (value === undefined) throw new Rejection(404);
  const body = JSON.stringify(value);
  const headers: Record<string, string | number> = {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(body),
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "x-request-id": request.requestId,
  };
  if (isFields(value) && "id" in value) {
    const etag = `"${createHash("sha256").update(body).digest("base64url").slice(0, 22)}"`;
    if (request.headers["if-none-match"] === etag) throw new Rejection(304);
    headers["etag"] = etag;
  }
  log(request, status);
  response.writeHead(status, headers).end(body);
}

/** Lines are written together, as those of our service. */
let lines = "";
setInterval(() => {
  if (lines !== "") writeSync(1, lines);
  lines = "";
}, 100).unref();

function log({ method, url = "", begun, requestId }: Request, status: number): void {
  const [level, time, ms, path] = [30, Date.now(), performance.now() - begun, url.split("?")[0]];
  const entry = { level, time, method, path, status, ms, request_id: requestId, caller: "bench", msg: "request" };
  lines += `${JSON.stringify(entry)}\n`;
}
