import { createDaoServices, openDatabase } from "@flux/dao-core";
import { createGoalWithPlan } from "../goal-planner/create-goal-with-plan.ts";
import { kyselySession } from "./kysely-session.ts";
import { openKysely } from "./open-kysely.ts";

const { DATABASE_URL } = process.env;
if (DATABASE_URL === undefined) throw new Error("Set DATABASE_URL: Kysely's pool needs a PostgreSQL server.");

// The tables are made by our migrations, whichever ORM works on them.
const database = await openDatabase(DATABASE_URL);
await database.migrate();
await database.close();

const kysely = openKysely(DATABASE_URL);
const services = createDaoServices(kyselySession(kysely));
const goal = await createGoalWithPlan(services, `jane.${crypto.randomUUID()}@example.com`, new Date());
console.log(`By Kysely: ${goal.title}, ${goal.milestones.length} milestones, ${goal.tasks.length} tasks`);
await kysely.destroy();
