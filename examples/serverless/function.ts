import { createDaoServices, openDatabase } from "@flux/dao-core";
import { isDaoError } from "@flux/dao-core/errors";

// Outside of the handler: opened once by each instance, which the platform freezes and thaws between requests.
const database = await openDatabase(process.env["DATABASE_URL"], { poolSize: 1 });
const { tasks } = createDaoServices(database);

/** The tasks of a user that were missed: `?user_id=…`. */
export default async function handler(request: Request): Promise<Response> {
  const userId = new URL(request.url).searchParams.get("user_id") ?? "";
  try {
    return Response.json(await tasks.countTasks({ userId, state: "missed" }, { timeout: 5_000 }));
  } catch (error) {
    if (isDaoError(error) && error.code === "validation_failed") return new Response(error.message, { status: 400 });
    if (isDaoError(error) && error.code === "unavailable") return new Response(null, { status: 503 });
    throw error;
  }
}
