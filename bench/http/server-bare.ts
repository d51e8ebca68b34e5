/**
 * The HTTP yardstick: Node's own server, hand-written SQL and JSON.stringify, without keys, validation or a log.
 * `server-bare.js <database URL>` prints its port to standard error.
 */
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { createInterface } from "node:readline";
import postgres from "postgres";
import { ConversationQueries } from "../handwritten/conversation-queries.ts";
import { GoalQueries } from "../handwritten/goal-queries.ts";
import { toColumns, toPage, toPageAfter, toStatistics, toUpdates } from "../handwritten/results.ts";
import type { NewStructure } from "../handwritten/rows.ts";
import { TaskQueries } from "../handwritten/task-queries.ts";
import { exportByCursor, importByUnnest, type OwnedNewTask } from "../handwritten/task-transfer.ts";

const sql = postgres(process.argv[2] ?? "", { max: 10 });
const tasks = new TaskQueries(sql);
const goals = new GoalQueries(sql);
const conversations = new ConversationQueries(sql);

const server = createServer((request, response) => {
  respond(request, response).catch((error: unknown) => {
    console.error(error);
    response.writeHead(500).end();
  });
});
server.listen(0, "127.0.0.1", () => console.error(`Port ${(server.address() as AddressInfo).port}`));

async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const [path = "", query = ""] = (request.url ?? "").split("?");
  const route = `${request.method} ${path}`;
  if (route === "GET /api/v1/tasks/") {
    send(response, 200, await list(new URLSearchParams(query)));
  } else if (route === "GET /api/v1/tasks/by-timerange") {
    const [userId, start, end] = range(query, "start_time", "end_time");
    send(response, 200, await tasks.byTimerange(userId, start, end));
  } else if (route === "GET /api/v1/tasks/statistics") {
    const [userId, start, end] = range(query, "start_date", "end_date");
    send(response, 200, toStatistics(userId, await tasks.statistics(userId, start, end)));
  } else if (route === "GET /api/v1/tasks/stream") {
    await sendStream(response);
  } else if (route === "POST /api/v1/tasks/") {
    const task = await readBody<OwnedNewTask>(request);
    send(response, 201, await tasks.create(task.user_id, task.goal_id, task.milestone_id, task));
  } else if (route === "POST /api/v1/tasks/import") {
    send(response, 201, { created_count: await importByUnnest(sql, readLines(request)) });
  } else if (route === "POST /api/v1/tasks/bulk-update-state") {
    const { task_ids, new_state } = await readBody<{ task_ids: string[]; new_state: string }>(request);
    send(response, 200, { updated_count: await tasks.bulkUpdateState(task_ids, new_state) });
  } else if (route === "POST /api/v1/tasks/bulk-update") {
    const columns = toColumns((await readBody<{ updates: Parameters<typeof toColumns>[0] }>(request)).updates);
    send(response, 200, toUpdates(columns.ids, await tasks.updateMany(columns)));
  } else if (route === "POST /api/v1/goals/with-structure") {
    send(response, 201, await goals.createStructure(await readBody<NewStructure>(request)));
  } else if (route.startsWith("POST /api/v1/conversations/") && path.endsWith("/messages")) {
    const { messages } = await readBody<{ messages: unknown[] }>(request);
    const id = path.slice("/api/v1/conversations/".length, -"/messages".length);
    send(response, 200, { message_count: await conversations.append(id, messages) });
  } else if (route.startsWith("GET /api/v1/goals/") && path.endsWith("/full")) {
    send(response, 200, await goals.full(path.slice("/api/v1/goals/".length, -"/full".length)));
  } else if (route.startsWith("GET /api/v1/tasks/")) {
    send(response, 200, await tasks.find(path.slice("/api/v1/tasks/".length)));
  } else if (route.startsWith("PATCH /api/v1/tasks/")) {
    const { title, state } = await readBody<{ title: string; state: string }>(request);
    send(response, 200, await tasks.update(path.slice("/api/v1/tasks/".length), title, state));
  } else response.writeHead(404).end();
}

/** A page by number with the total, or after a cursor (a creation time and an id) without one. */
async function list(parameters: URLSearchParams): Promise<unknown> {
  const pageSize = Number(parameters.get("page_size"));
  if (parameters.get("count") !== "none") {
    const page = Number(parameters.get("page"));
    return toPage(await tasks.page(pageSize, (page - 1) * pageSize), page, pageSize);
  }
  const [created_at = "", id = ""] = parameters.get("cursor")?.split(",") ?? [];
  const after = id === "" ? undefined : { created_at, id };
  return toPageAfter(await tasks.pageAfter(pageSize, after), after, pageSize);
}

function send(response: ServerResponse, status: number, value: unknown): void {
  if (value === undefined) {
    response.writeHead(404).end();
    return;
  }
  const body = JSON.stringify(value);
  const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
  response.writeHead(status, headers).end(body);
}

/** One line per task, as fast as the client reads. */
async function sendStream(response: ServerResponse): Promise<void> {
  response.writeHead(200, { "content-type": "application/x-ndjson" });
  let text = "";
  for await (const task of exportByCursor(sql)) {
    text += `${JSON.stringify(task)}\n`;
    if (text.length < 65_536) continue;
    const goesOn = response.write(text);
    text = "";
    if (!goesOn) await once(response, "drain");
  }
  response.end(text);
}

function range(query: string, start: string, end: string): [string, string, string] {
  const parameters = new URLSearchParams(query);
  return [parameters.get("user_id") ?? "", parameters.get(start) ?? "", parameters.get(end) ?? ""];
}

function readBody<Body>(request: IncomingMessage): Promise<Body> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => resolve(JSON.parse(Buffer.concat(chunks).toString())));
    request.on("error", reject);
  });
}

async function* readLines(request: IncomingMessage): AsyncGenerator<OwnedNewTask> {
  for await (const line of createInterface({ input: request, crlfDelay: Number.POSITIVE_INFINITY })) {
    if (line === "") continue;
    const task: OwnedNewTask = JSON.parse(line);
    yield { ...task, start_time: toDate(task.start_time), end_time: toDate(task.end_time) };
  }
}

function toDate(instant: Date | string | null): Date | null {
  return instant === null ? null : new Date(instant);
}
