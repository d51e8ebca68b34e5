import { DaoTaskService, openDatabase } from "@flux/dao-core";
import { createAbandonedPlan } from "./abandoned-plan.ts";
import { markMissedTasks } from "./mark-missed-tasks.ts";

await using db = await openDatabase(process.env["DATABASE_URL"] ?? "memory://");
await db.migrate();
await createAbandonedPlan(db);

// From here on: everything that the job itself needs.
await markMissedTasks(new DaoTaskService(db));
