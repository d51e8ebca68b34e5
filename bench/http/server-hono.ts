/**
 * Hono with Drizzle as usually written: without schemas. `server-hono.js <database URL>` prints its port to standard error.
 */
import { serve } from "@hono/node-server";
import { Hono } from "hono";
import { toStructureDto } from "../data/structure.ts";
import type { NewStructure } from "../handwritten/rows.ts";
import type { OwnedNewTask } from "../handwritten/task-transfer.ts";
import { DrizzleQueries } from "../in-process/contenders/drizzle-queries.ts";

const queries = new DrizzleQueries(process.argv[2] ?? "", 10);
const app = new Hono();

app.get("/api/v1/tasks/", async (context) => {
  const { page, page_size } = context.req.query();
  return context.json(await queries.page(Number(page), Number(page_size)));
});

app.get("/api/v1/tasks/by-timerange", async (context) => {
  const { user_id = "", start_time = "", end_time = "" } = context.req.query();
  return context.json(await queries.byTimerange(user_id, new Date(start_time), new Date(end_time)));
});

app.get("/api/v1/tasks/statistics", async (context) => {
  const { user_id = "", start_date = "", end_date = "" } = context.req.query();
  return context.json(await queries.statistics(user_id, new Date(start_date), new Date(end_date)));
});

app.get("/api/v1/tasks/:id", async (context) => {
  const task = await queries.find(context.req.param("id"));
  return task === undefined ? context.notFound() : context.json(task);
});

app.post("/api/v1/tasks/", async (context) => {
  const body = await context.req.json<OwnedNewTask>();
  const created = await queries.create({
    userId: body.user_id,
    goalId: body.goal_id,
    milestoneId: body.milestone_id,
    title: body.title,
    startTime: body.start_time === null ? null : new Date(body.start_time),
    endTime: body.end_time === null ? null : new Date(body.end_time),
    state: body.state,
    priority: body.priority,
    triggerType: body.trigger_type,
    isRecurring: body.is_recurring,
    calendarEventId: body.calendar_event_id,
  });
  return context.json(created, 201);
});

app.patch("/api/v1/tasks/:id", async (context) => {
  const { title, state } = await context.req.json<Pick<OwnedNewTask, "title" | "state">>();
  const task = await queries.update(context.req.param("id"), { title, state });
  return task === undefined ? context.notFound() : context.json(task);
});

app.post("/api/v1/tasks/bulk-update-state", async (context) => {
  const { task_ids, new_state } = await context.req.json<{ task_ids: string[]; new_state: OwnedNewTask["state"] }>();
  return context.json(await queries.bulkUpdateState(task_ids, new_state));
});

app.get("/api/v1/goals/:id/full", async (context) => {
  const goal = await queries.full(context.req.param("id"));
  return goal === undefined ? context.notFound() : context.json(goal);
});

app.post("/api/v1/goals/with-structure", async (context) =>
  context.json(await queries.createStructure(toStructureDto(await context.req.json<NewStructure>())), 201),
);

serve({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" }, ({ port }) => console.error(`Port ${port}`));
