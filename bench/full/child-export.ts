/** Reads tasks, newest first, as fast as one consumer can: `child-export.js ours|handwritten <database URL>`. */
import { createDaoServices, openDatabase } from "@flux/dao-core";
import postgres from "postgres";
import type { TaskRow } from "../handwritten/rows.ts";
import { handleCommands } from "../processes/commands.ts";
import { type MemoryUse, MemoryWatch } from "./memory-watch.ts";

/** The cost of reading so many rows. */
export interface ExportRun extends MemoryUse {
  readonly rows: number;
  readonly elapsedMs: number;
  readonly cpuMs: number;
}

// A type, since an interface has no implicit index signature.
export type ExportCommands = { read: { request: { rows: number }; response: ExportRun } };

const [side, url = ""] = process.argv.slice(2);

const rowsOf = side === "ours" ? await streamed() : await cursored();

handleCommands<ExportCommands>({
  read: async ({ rows }) => {
    const memory = new MemoryWatch(rows);
    let read = 0;
    const startCpu = process.cpuUsage();
    const start = performance.now();
    for await (const _ of rowsOf()) {
      read++;
      memory.count();
      if (read === rows) break;
    }
    const elapsedMs = performance.now() - start;
    const { user, system } = process.cpuUsage(startCpu);
    return { rows: read, elapsedMs, cpuMs: (user + system) / 1000, ...memory.use() };
  },
});

async function streamed(): Promise<() => AsyncIterable<unknown>> {
  const { tasks } = createDaoServices(await openDatabase(url, { poolSize: 1 }));
  return () => tasks.streamTasks();
}

async function cursored(): Promise<() => AsyncIterable<unknown>> {
  const sql = postgres(url, { max: 1 });
  await sql`select 1`;
  return async function* () {
    const cursor = sql<TaskRow[]>`
      select id, user_id, goal_id, milestone_id, title, start_time, end_time, state, priority, trigger_type,
             is_recurring, calendar_event_id, created_at
      from tasks order by created_at desc, id desc`.cursor(1000);
    for await (const rows of cursor) yield* rows;
  };
}
