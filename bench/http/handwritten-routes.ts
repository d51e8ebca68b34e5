import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createInterface } from "node:readline";
import postgres from "postgres";
import { ConversationQueries } from "../handwritten/conversation-queries.ts";
import { GoalQueries } from "../handwritten/goal-queries.ts";
import { toColumns, toPage, toPageAfter, toStatistics, toUpdates } from "../handwritten/results.ts";
import type { NewStructure } from "../handwritten/rows.ts";
import { TaskQueries } from "../handwritten/task-queries.ts";
import { exportByCursor, importByUnnest, type OwnedNewTask } from "../handwritten/task-transfer.ts";

/** The kinds of bodies. */
export type BodyKind = "task" | "change" | "bulk" | "changes" | "structure" | "messages";

/** What a server does around the SQL. */
export interface Surroundings<Request extends IncomingMessage> {
  /** The JSON body. @throws for what is not of its kind, if that is checked */
  readBody<Body>(request: Request, kind: BodyKind): Promise<Body>;
  /** Returns an id or an instant. @throws for what is not one, if that is checked */
  id(text: string): string;
  instant(text: string): string;
  send(request: Request, response: ServerResponse, status: number, value: unknown): void;
}

/** The routes of the API, by hand. */
export function handwrittenRoutes<Request extends IncomingMessage>(
  databaseUrl: string,
  { readBody, id, instant, send }: Surroundings<Request>,
) {
  const sql = postgres(databaseUrl, { max: 10 });
  const tasks = new TaskQueries(sql);
  const goals = new GoalQueries(sql);
  const conversations = new ConversationQueries(sql);

  return async function respond(request: Request, response: ServerResponse): Promise<void> {
    const [path = "", query = ""] = (request.url ?? "").split("?");
    const route = `${request.method} ${path}`;
    if (route === "GET /api/v1/tasks/") {
      send(request, response, 200, await list(new URLSearchParams(query)));
    } else if (route === "GET /api/v1/tasks/by-timerange") {
      const [userId, start, end] = range(query, "start_time", "end_time");
      send(request, response, 200, await tasks.byTimerange(userId, start, end));
    } else if (route === "GET /api/v1/tasks/statistics") {
      const [userId, start, end] = range(query, "start_date", "end_date");
      send(request, response, 200, toStatistics(userId, await tasks.statistics(userId, start, end)));
    } else if (route === "GET /api/v1/tasks/stream") {
      await sendStream(response);
    } else if (route === "POST /api/v1/tasks/") {
      const task = await readBody<OwnedNewTask>(request, "task");
      send(request, response, 201, await tasks.create(task.user_id, task.goal_id, task.milestone_id, task));
    } else if (route === "POST /api/v1/tasks/import") {
      send(request, response, 201, { created_count: await importByUnnest(sql, readLines(request)) });
    } else if (route === "POST /api/v1/tasks/bulk-update-state") {
      const { task_ids, new_state } = await readBody<{ task_ids: string[]; new_state: string }>(request, "bulk");
      send(request, response, 200, { updated_count: await tasks.bulkUpdateState(task_ids, new_state) });
    } else if (route === "POST /api/v1/tasks/bulk-update") {
      const body = await readBody<{ updates: Parameters<typeof toColumns>[0] }>(request, "changes");
      const columns = toColumns(body.updates);
      send(request, response, 200, toUpdates(columns.ids, await tasks.updateMany(columns)));
    } else if (route === "POST /api/v1/goals/with-structure") {
      send(request, response, 201, await goals.createStructure(await readBody<NewStructure>(request, "structure")));
    } else if (route.startsWith("POST /api/v1/conversations/") && path.endsWith("/messages")) {
      const { messages } = await readBody<{ messages: unknown[] }>(request, "messages");
      const conversation = id(path.slice("/api/v1/conversations/".length, -"/messages".length));
      send(request, response, 200, { message_count: await conversations.append(conversation, messages) });
    } else if (route.startsWith("GET /api/v1/goals/") && path.endsWith("/full")) {
      send(request, response, 200, await goals.full(id(path.slice("/api/v1/goals/".length, -"/full".length))));
    } else if (route.startsWith("GET /api/v1/tasks/")) {
      send(request, response, 200, await tasks.find(id(path.slice("/api/v1/tasks/".length))));
    } else if (route.startsWith("PATCH /api/v1/tasks/")) {
      const { title, state } = await readBody<{ title: string; state: string }>(request, "change");
      send(request, response, 200, await tasks.update(id(path.slice("/api/v1/tasks/".length)), title, state));
    } else response.writeHead(404).end();
  };

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

  function range(query: string, start: string, end: string): [string, string, string] {
    const parameters = new URLSearchParams(query);
    const text = (name: string) => parameters.get(name) ?? "";
    return [id(text("user_id")), instant(text(start)), instant(text(end))];
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
