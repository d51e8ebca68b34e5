import { createDaoServices, joinPgPool } from "@flux/dao-core";
import { drizzle } from "drizzle-orm/node-postgres";
import pg from "pg";
import { PgBoss } from "pg-boss";
import { createCalendarQueue, doCalendarJobs, planTask } from "./calendar-jobs.ts";

const { DATABASE_URL } = process.env;
if (DATABASE_URL === undefined) throw new Error("Set DATABASE_URL: pg-boss needs a PostgreSQL server.");
const pool = new pg.Pool({ connectionString: DATABASE_URL }).on("error", console.error);
const boss = new PgBoss(DATABASE_URL);
boss.on("error", console.error);

const ours = joinPgPool(pool);
await ours.migrate();
await boss.start();
await createCalendarQueue(boss);

const { users, goals, tasks } = createDaoServices(ours);
const { id: userId } = await users.createUser({ name: "Jane", email: `jane.${crypto.randomUUID()}@example.com` });
const { id: goalId } = await goals.createGoal({ userId, title: "Run 10 km" });

const host = drizzle(pool);
const task = await planTask(host, boss, { userId, goalId, title: "Run 3 km" });
await host
  .transaction(async (transaction) => {
    await planTask(transaction, boss, { userId, goalId, title: "Run 5 km" });
    throw new Error("Undone: Run 5 km, and its job");
  })
  .catch((error) => console.log(error.message));

// The worker, which could be a process of its own.
await new Promise<void>((resolve) => {
  const createEvent = async (_id: string, title: string) => {
    console.log(`In the calendar: ${title}`);
    resolve();
  };
  doCalendarJobs(boss, tasks, { createEvent });
});
// Waits for the job that is being done.
await boss.stop();
console.log(`Linked: ${(await tasks.getTask(task.id)).calendarEventId === task.id}`);
await pool.end();
