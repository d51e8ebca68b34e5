import { createDaoServices, joinDrizzle, joinPgPool } from "@flux/dao-core";
import { drizzle } from "drizzle-orm/node-postgres";
import { createGoalWithPlan } from "../goal-planner/create-goal-with-plan.ts";
import { openHostPool } from "./host-pool.ts";

const { DATABASE_URL } = process.env;
if (DATABASE_URL === undefined) throw new Error("Set DATABASE_URL: a pg.Pool needs a PostgreSQL server.");
const pool = openHostPool(DATABASE_URL);

// On the pool itself: prepared statements, and calls that can be cancelled.
const onPool = joinPgPool(pool);
await onPool.migrate();
await createGoalWithPlan(createDaoServices(onPool), `jane.${crypto.randomUUID()}@example.com`, new Date());

// Or on the application's Drizzle, with any driver.
const onDrizzle = joinDrizzle(drizzle(pool));
await createGoalWithPlan(createDaoServices(onDrizzle), `joe.${crypto.randomUUID()}@example.com`, new Date());

// The application's own queries work as before, and the application ends the pool.
const { rows } = await pool.query("select current_date as today, count(*)::int as goals from goals");
console.log(rows[0]);
await pool.end();
