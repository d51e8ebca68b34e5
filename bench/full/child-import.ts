/** Writes new tasks: `child-import.js ours|unnest|copy <database URL>`. */
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createDaoServices, openDatabase } from "@flux/dao-core";
import postgres from "postgres";
import { handleCommands } from "../processes/commands.ts";
import { type MemoryUse, MemoryWatch } from "./memory-watch.ts";
import type { FullSamples } from "./samples.ts";

export type ImportSide = "ours" | "unnest" | "copy";

/** The cost of writing so many rows. */
export interface ImportRun extends MemoryUse {
  readonly elapsedMs: number;
  readonly cpuMs: number;
}

// A type, since an interface has no implicit index signature.
export type ImportCommands = {
  write: { request: { rows: number; parents: FullSamples["parents"] }; response: ImportRun };
};

/** A new task with all of its fields, none of which needs an escape in COPY's text format. */
interface NewTask {
  readonly userId: string;
  readonly goalId: string;
  readonly milestoneId: string;
  readonly title: string;
  readonly startTime: Date;
  readonly endTime: Date;
  readonly state: "scheduled";
  readonly priority: "standard";
  readonly triggerType: "time";
  readonly isRecurring: boolean;
  readonly calendarEventId: string | null;
}

const [side, url = ""] = process.argv.slice(2);
const ROWS_A_STATEMENT = 1000;

const write = side === "ours" ? await byService() : side === "unnest" ? await byUnnest() : await byCopy();

handleCommands<ImportCommands>({
  write: async ({ rows, parents }) => {
    const memory = new MemoryWatch(rows);
    const startCpu = process.cpuUsage();
    const start = performance.now();
    const written = await write(newTasks(rows, parents, memory));
    if (written !== rows) throw new Error(`${written} of ${rows} tasks were written.`);
    const elapsedMs = performance.now() - start;
    const { user, system } = process.cpuUsage(startCpu);
    return { elapsedMs, cpuMs: (user + system) / 1000, ...memory.use() };
  },
});

function* newTasks(rows: number, parents: FullSamples["parents"], memory: MemoryWatch): Generator<NewTask> {
  const begin = Date.now();
  for (let n = 0; n < rows; n++) {
    const parent = parents[n % parents.length];
    if (parent === undefined) throw new RangeError("There are no goals to import into.");
    memory.count();
    const start = begin + n * 60_000;
    yield {
      ...parent,
      title: `Imported ${n}`,
      startTime: new Date(start),
      endTime: new Date(start + 1_800_000),
      state: "scheduled",
      priority: "standard",
      triggerType: "time",
      isRecurring: false,
      calendarEventId: n % 4 === 0 ? `evt_${n}` : null,
    };
  }
}

type Writer = (tasks: Iterable<NewTask>) => Promise<number>;

async function byService(): Promise<Writer> {
  const services = createDaoServices(await openDatabase(url));
  return async (tasks) => (await services.tasks.createTasks(tasks)).createdCount;
}

/** In one transaction, so that a failed import leaves nothing behind. */
async function byUnnest(): Promise<Writer> {
  const sql = await connect();
  return (tasks) =>
    sql.begin(async (transaction) => {
      let written = 0;
      for (const batch of batches(tasks)) {
        const column = (name: keyof NewTask) => batch.map((task) => toText(task[name]));
        const { count } = await transaction`
          insert into tasks (user_id, goal_id, milestone_id, title, start_time, end_time, state, priority,
                             trigger_type, is_recurring, calendar_event_id)
          select * from unnest(
            ${column("userId")}::uuid[], ${column("goalId")}::uuid[], ${column("milestoneId")}::uuid[],
            ${column("title")}::text[], ${column("startTime")}::timestamptz[], ${column("endTime")}::timestamptz[],
            ${column("state")}::task_state[], ${column("priority")}::task_priority[],
            ${column("triggerType")}::trigger_type[], ${column("isRecurring")}::boolean[],
            ${column("calendarEventId")}::varchar[])`;
        written += count;
      }
      return written;
    });
}

/** As text, since postgres.js sends an array of dates or of booleans as a single value. */
function toText(value: NewTask[keyof NewTask]): string | null {
  return value instanceof Date ? value.toISOString() : value === null ? null : String(value);
}

async function byCopy(): Promise<Writer> {
  const sql = await connect();
  return async (tasks) => {
    const target = await sql`
      copy tasks (user_id, goal_id, milestone_id, title, start_time, end_time, state, priority, trigger_type,
                  is_recurring, calendar_event_id) from stdin`.writable();
    let written = 0;
    const lines = function* () {
      for (const batch of batches(tasks)) {
        written += batch.length;
        yield batch.map(copyLine).join("");
      }
    };
    await pipeline(Readable.from(lines()), target);
    return written;
  };
}

function copyLine(task: NewTask): string {
  return `${task.userId}\t${task.goalId}\t${task.milestoneId}\t${task.title}\t${task.startTime.toISOString()}\t${task.endTime.toISOString()}\t${task.state}\t${task.priority}\t${task.triggerType}\t${task.isRecurring}\t${task.calendarEventId ?? "\\N"}\n`;
}

async function connect(): Promise<postgres.Sql> {
  const sql = postgres(url, { max: 1 });
  await sql`select 1`;
  return sql;
}

function* batches(tasks: Iterable<NewTask>): Generator<NewTask[]> {
  let batch: NewTask[] = [];
  for (const task of tasks) {
    batch.push(task);
    if (batch.length < ROWS_A_STATEMENT) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}
