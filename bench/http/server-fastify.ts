/**
 * Fastify with hand-written SQL, as its docs recommend: schemas validate the input and serialize the output.
 * `server-fastify.js <database URL>` prints its port to standard error.
 */
import Fastify from "fastify";
import postgres from "postgres";
import { GoalQueries } from "../handwritten/goal-queries.ts";
import { toPage, toStatistics } from "../handwritten/results.ts";
import type { NewStructure } from "../handwritten/rows.ts";
import { TaskQueries } from "../handwritten/task-queries.ts";
import type { OwnedNewTask } from "../handwritten/task-transfer.ts";
import { fullSchema, newStructureSchema, newTaskSchema, pageSchema, taskSchema } from "./fastify-schemas.ts";

const sql = postgres(process.argv[2] ?? "", { max: 10 });
const tasks = new TaskQueries(sql);
const goals = new GoalQueries(sql);
const app = Fastify();

const uuid = { type: "string", format: "uuid" } as const;
const moment = { type: "string", format: "date-time" } as const;
const byId = { type: "object", properties: { id: uuid }, required: ["id"] } as const;

/** The query of routes about a user and a time range. */
function rangeSchema(start: string, end: string) {
  return {
    type: "object",
    properties: { user_id: uuid, [start]: moment, [end]: moment },
    required: ["user_id", start, end],
  };
}

interface ById {
  readonly Params: { readonly id: string };
}

app.get<{ Querystring: { page: number; page_size: number } }>(
  "/api/v1/tasks/",
  {
    schema: {
      querystring: { type: "object", properties: { page: { type: "integer" }, page_size: { type: "integer" } } },
      response: { 200: pageSchema },
    },
  },
  async ({ query: { page, page_size } }) =>
    toPage(await tasks.page(page_size, (page - 1) * page_size), page, page_size),
);

app.get<{ Querystring: { user_id: string; start_time: string; end_time: string } }>(
  "/api/v1/tasks/by-timerange",
  {
    schema: {
      querystring: rangeSchema("start_time", "end_time"),
      response: { 200: { type: "array", items: taskSchema } },
    },
  },
  ({ query }) => tasks.byTimerange(query.user_id, query.start_time, query.end_time),
);

app.get<{ Querystring: { user_id: string; start_date: string; end_date: string } }>(
  "/api/v1/tasks/statistics",
  { schema: { querystring: rangeSchema("start_date", "end_date") } },
  async ({ query }) =>
    toStatistics(query.user_id, await tasks.statistics(query.user_id, query.start_date, query.end_date)),
);

app.get<ById>(
  "/api/v1/tasks/:id",
  { schema: { params: byId, response: { 200: taskSchema } } },
  async ({ params }, reply) => (await tasks.find(params.id)) ?? reply.code(404).send(),
);

app.post<{ Body: OwnedNewTask }>(
  "/api/v1/tasks/",
  { schema: { body: newTaskSchema, response: { 201: taskSchema } } },
  async ({ body }, reply) => {
    reply.code(201);
    return tasks.create(body.user_id, body.goal_id, body.milestone_id, body);
  },
);

app.patch<ById & { Body: { title: string; state: string } }>(
  "/api/v1/tasks/:id",
  {
    schema: {
      params: byId,
      body: { type: "object", properties: { title: { type: "string" }, state: { type: "string" } } },
      response: { 200: taskSchema },
    },
  },
  async ({ params, body }, reply) => (await tasks.update(params.id, body.title, body.state)) ?? reply.code(404).send(),
);

app.post<{ Body: { task_ids: string[]; new_state: string } }>(
  "/api/v1/tasks/bulk-update-state",
  {
    schema: {
      body: {
        type: "object",
        properties: { task_ids: { type: "array", items: uuid, maxItems: 1000 }, new_state: { type: "string" } },
        required: ["task_ids", "new_state"],
      },
    },
  },
  async ({ body }) => ({ updated_count: await tasks.bulkUpdateState(body.task_ids, body.new_state) }),
);

app.get<ById>(
  "/api/v1/goals/:id/full",
  { schema: { params: byId, response: { 200: fullSchema } } },
  async ({ params }, reply) => (await goals.full(params.id)) ?? reply.code(404).send(),
);

app.post<{ Body: NewStructure }>(
  "/api/v1/goals/with-structure",
  { schema: { body: newStructureSchema, response: { 201: fullSchema } } },
  async ({ body }, reply) => {
    reply.code(201);
    return goals.createStructure(body);
  },
);

const address = await app.listen({ port: 0, host: "127.0.0.1" });
console.error(`Port ${new URL(address).port}`);
