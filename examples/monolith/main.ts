import { PGlite } from "@electric-sql/pglite";
import { createDaoServices, joinDrizzle } from "@flux/dao-core";
import { drizzle as drizzlePg } from "drizzle-orm/node-postgres";
import { drizzle as drizzlePglite } from "drizzle-orm/pglite";
import pg from "pg";
import { createGoalWithPlan } from "../goal-planner/create-goal-with-plan.ts";
import { completeRun, kilometresOf, migrateWorkouts } from "./workouts.ts";

const { DATABASE_URL } = process.env;
const client =
  DATABASE_URL === undefined
    ? await PGlite.create()
    : // As pg requires: without a listener a lost connection ends the process.
      new pg.Pool({ connectionString: DATABASE_URL }).on("error", console.error);
const database = client instanceof pg.Pool ? drizzlePg(client) : drizzlePglite(client);

const ours = joinDrizzle(database);
await ours.migrate();
await migrateWorkouts(database);

const plan = await createGoalWithPlan(createDaoServices(ours), `jane.${crypto.randomUUID()}@example.com`, new Date());
const [first, second] = plan.tasks.map(({ id }) => id);
if (first === undefined || second === undefined) throw new Error("The plan has 27 runs.");

await completeRun(database, first, 5.2);
// The application's own rule forbids it, so our task is not completed either.
await completeRun(database, second, -1).catch(() => console.log("Refused, and undone: a run of -1 km"));

const states = (await ours.tasks.list({ goalId: plan.id, state: "completed" })).total;
console.log(`${states} run completed, ${await kilometresOf(database, plan.userId)} km`);
await (client instanceof pg.Pool ? client.end() : client.close());
