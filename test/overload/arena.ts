import { createDaoServices } from "@flux/dao-core";
import { createTestDatabase } from "@flux/dao-core/testing";
import postgres from "postgres";
import { requestBytes } from "./client-connection.ts";
import type { LoadRequest, LoadResult } from "./load.ts";
import type { Memory } from "./report-memory.ts";
import { compileOverloadPrograms, SERVICE_KEY, startLoad, startService } from "./service-process.ts";

/** One workload limited by the process itself, and one limited by the connection pool. */
export const WORKLOADS = ["reads", "writes"] as const;
export type Workload = (typeof WORKLOADS)[number];

export interface ArenaOptions {
  readonly serverUrl: string;
  readonly poolSize: number;
  /** Milliseconds that a write takes in the database. */
  readonly writeMs: number;
}

/** The service and its load, each in a process of its own, on a database of their own. */
export interface Arena extends AsyncDisposable {
  readonly port: number;
  readonly sql: postgres.Sql;
  load(workload: Workload, how: Pick<LoadRequest, "connections" | "milliseconds" | "rate">): Promise<LoadResult>;
  memory(): Promise<Memory>;
  /** How many rows the writes have created. */
  rows(): Promise<number>;
}

export async function openArena({ serverUrl, poolSize, writeMs }: ArenaOptions): Promise<Arena> {
  const test = await createTestDatabase({ serverUrl });
  const sql = postgres(test.url, { max: 1, onnotice: () => undefined });
  const requests = await prepare(test, sql, writeMs);
  await test.database.close();
  const programs = await compileOverloadPrograms();
  const service = await startService(programs, { DATABASE_URL: test.url, DB_POOL_SIZE: String(poolSize) });
  const generator = startLoad(programs);
  return {
    port: service.port,
    sql,
    load: (workload, how) => generator.ask("load", { port: service.port, requests: requests[workload], ...how }),
    memory: () => service.child.ask("memory", { collect: true }),
    rows: async () => {
      const [row] = await sql<{ count: number }[]>`select count(*)::int from milestones`;
      return row?.count ?? 0;
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all([generator.stop(), service.child.stop(), sql.end()]);
      await Promise.all([programs[Symbol.asyncDispose](), test.drop()]);
    },
  };
}

async function prepare(
  { database }: Awaited<ReturnType<typeof createTestDatabase>>,
  sql: postgres.Sql,
  writeMs: number,
): Promise<Record<Workload, string[]>> {
  const { users, goals, tasks } = createDaoServices(database);
  const user = await users.createUser({ name: "Jane Doe", email: "jane@example.com" });
  const goal = await goals.createGoal({ userId: user.id, title: "Run a half marathon" });
  const rows = await Promise.all(
    Array.from({ length: 300 }, (_, task) =>
      tasks.createTask({ userId: user.id, goalId: goal.id, title: `Run ${task} km` }),
    ),
  );
  await sql.unsafe(`
    create function slow() returns trigger language plpgsql as
      $$ begin perform pg_sleep(${writeMs / 1_000}); return new; end $$;
    create trigger slow before insert on milestones for each row execute function slow()`);
  const milestone = { goal_id: goal.id, week_number: 1, title: "Build base fitness" };
  return {
    reads: rows.map(({ id }) => base64(requestBytes(SERVICE_KEY, "GET", `/api/v1/tasks/${id}`))),
    writes: [base64(requestBytes(SERVICE_KEY, "POST", "/api/v1/milestones/", milestone))],
  };
}

const base64 = (bytes: Buffer) => bytes.toString("base64");
