/**
 * The yardstick over HTTP: Node's own server, the hand-written SQL and JSON.stringify, and nothing else: no key, no
 * validation, no log. `server-by-hand.js <database URL>` prints its port to standard error.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import postgres from "postgres";
import { toPage, toStatistics } from "../handwritten/answers.ts";
import { GoalQueries } from "../handwritten/goal-queries.ts";
import type { NewStructure, NewTask } from "../handwritten/rows.ts";
import { TaskQueries } from "../handwritten/task-queries.ts";

const sql = postgres(process.argv[2] ?? "", { max: 10 });
const tasks = new TaskQueries(sql);
const goals = new GoalQueries(sql);

type NewTaskBody = NewTask & { user_id: string; goal_id: string; milestone_id: string | null };

const server = createServer((request, response) => {
  answer(request, response).catch((error: unknown) => {
    console.error(error);
    response.writeHead(500).end();
  });
});
server.listen(0, "127.0.0.1", () => console.error(`Port ${(server.address() as AddressInfo).port}`));

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const [path = "", query = ""] = (request.url ?? "").split("?");
  const route = `${request.method} ${path}`;
  if (route === "GET /api/v1/tasks/") {
    const parameters = new URLSearchParams(query);
    const page = Number(parameters.get("page"));
    const pageSize = Number(parameters.get("page_size"));
    const { items, total } = await tasks.page(pageSize, (page - 1) * pageSize);
    send(response, 200, toPage(items, total, page, pageSize));
  } else if (route === "GET /api/v1/tasks/by-timerange") {
    const [userId, start, end] = range(query, "start_time", "end_time");
    send(response, 200, await tasks.byTimerange(userId, start, end));
  } else if (route === "GET /api/v1/tasks/statistics") {
    const [userId, start, end] = range(query, "start_date", "end_date");
    send(response, 200, toStatistics(userId, await tasks.statistics(userId, start, end)));
  } else if (route === "POST /api/v1/tasks/") {
    const task = await readBody<NewTaskBody>(request);
    send(response, 201, await tasks.create(task.user_id, task.goal_id, task.milestone_id, task));
  } else if (route === "POST /api/v1/tasks/bulk-update-state") {
    const { task_ids, new_state } = await readBody<{ task_ids: string[]; new_state: string }>(request);
    send(response, 200, { updated_count: await tasks.bulkUpdateState(task_ids, new_state) });
  } else if (route === "POST /api/v1/goals/with-structure") {
    send(response, 201, await goals.createStructure(await readBody<NewStructure>(request)));
  } else if (route.startsWith("GET /api/v1/goals/") && path.endsWith("/full")) {
    send(response, 200, await goals.full(path.slice("/api/v1/goals/".length, -"/full".length)));
  } else if (route.startsWith("GET /api/v1/tasks/")) {
    send(response, 200, await tasks.find(path.slice("/api/v1/tasks/".length)));
  } else if (route.startsWith("PATCH /api/v1/tasks/")) {
    const { title, state } = await readBody<{ title: string; state: string }>(request);
    send(response, 200, await tasks.update(path.slice("/api/v1/tasks/".length), title, state));
  } else response.writeHead(404).end();
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
