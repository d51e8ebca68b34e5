/** Plans a task with its job (docs/how-to/jobs.md), and is killed with SIGKILL at the moment that its argument names. */
import { drizzle } from "drizzle-orm/node-postgres";
import pg from "pg";
import { PgBoss } from "pg-boss";
import { planTask } from "../../examples/jobs/calendar-jobs.ts";

export type Moment = "before the commit" | "after the commit";

/** Never resolves: nothing may run after it. */
function die(): Promise<never> {
  process.kill(process.pid, "SIGKILL");
  return new Promise(() => undefined);
}

const { DATABASE_URL: connectionString = "", TASK = "", MOMENT } = process.env;
const host = drizzle(new pg.Pool({ connectionString }));
const boss = new PgBoss({ connectionString, migrate: false, supervise: false, schedule: false });
await boss.start();
await host.transaction(async (transaction) => {
  await planTask(transaction, boss, JSON.parse(TASK));
  if (MOMENT === "before the commit") await die();
});
await die();
