/**
 * Shows how PostgreSQL runs every statement that the DAOs send, on a million tasks, and weighs sets of indexes:
 * `pnpm exec tsx bench/explain.ts`. Prints the tables of docs/indexes.md, within some five minutes.
 */
import { Database, openDatabase } from "@flux/dao-core";
import postgres from "postgres";
import { startEmbeddedPostgres } from "../scripts/postgres/embedded-postgres.ts";
import { calls } from "./explain/calls.ts";
import { fillCandidate, type IndexCost, onCandidate, type WriteCost } from "./explain/candidate-table.ts";
import { INDEX_SETS } from "./explain/index-sets.ts";
import { seedMillionTasks } from "./explain/million-tasks.ts";
import { explain, explainWithImport, type PlanSummary, prefersGenericPlan } from "./explain/plan.ts";
import { pickSamples, type Samples } from "./explain/samples.ts";
import { markdownTable } from "./markdown-table.ts";
import { RecordingDriver } from "./recording-driver.ts";

const server = await startEmbeddedPostgres({
  settings: { shared_buffers: "1GB", max_wal_size: "8GB", autovacuum: "off" },
});
const sql = postgres(server.url, { max: 1, onnotice: () => undefined });
try {
  {
    await using database = await openDatabase(server.url);
    await database.migrate();
  }
  await seedMillionTasks(sql);
  const samples = await pickSamples(sql);
  console.log(`PostgreSQL ${server.version}; the busy user has ${samples.busy.tasks} tasks\n`);
  console.log(`## Every statement\n\n${await planTable(samples)}\n`);
  console.log(`## The indexes of the schema\n\n${await sizeTable()}\n`);
  console.log(`## Sets of indexes for tasks\n\n${await setTable(samples)}`);
} finally {
  await sql.end();
  await server.stop();
}

async function planTable(samples: Samples): Promise<string> {
  const driver = new RecordingDriver();
  const session = new Database(driver);
  const rows: string[][] = [];
  for (const { name, call } of calls(samples)) {
    const statement = await driver.record(() => call(session));
    const custom = await explain(sql, statement, "custom");
    const generic = await explain(sql, statement, "generic");
    const kept = (await prefersGenericPlan(sql, statement)) ? "generic" : "custom";
    // What is rolled back leaves dead rows behind, which later statements would have to pass over.
    await sql.unsafe("vacuum");
    const { pages, nodes } = kept === "generic" ? generic : custom;
    const planning = custom.planningMs.toFixed(2);
    rows.push([name, kept, milliseconds(custom), planning, milliseconds(generic), String(pages), nodes.join(", ")]);
  }
  const head = ["statement", "kept plan", "custom ms", "planning ms", "generic ms", "pages", "how"];
  return markdownTable(head, rows);
}

/** Execution time, and how much of it foreign keys took, where they took any. */
function milliseconds({ executionMs, foreignKeys }: PlanSummary): string {
  const triggers = foreignKeys.calls > 0 ? ` (keys ${foreignKeys.ms.toFixed(2)}, ${foreignKeys.calls} calls)` : "";
  return `${executionMs.toFixed(2)}${triggers}`;
}

async function sizeTable(): Promise<string> {
  const indexes = await sql<{ name: string; bytes: string }[]>`
    select indexrelid::regclass::text as name, pg_relation_size(indexrelid) as bytes
    from pg_index where indrelid::regclass::text = any(${["users", "goals", "milestones", "tasks", "conversations"]})
    order by indrelid::regclass::text, 2 desc`;
  return markdownTable(
    ["index, built by the inserts", "MB"],
    indexes.map(({ name, bytes }) => [name, (Number(bytes) / 1e6).toFixed(1)]),
  );
}

async function setTable(samples: Samples): Promise<string> {
  const driver = new RecordingDriver();
  const session = new Database(driver);
  const { busy, big } = samples;
  const startDate = new Date(samples.now.getTime() - 30 * 86_400_000);
  const reads = [
    await driver.record(() => session.tasks.list({ userId: busy.userId })),
    await driver.record(() => session.tasks.list({ goalId: big.goalId })),
    await driver.record(() => session.goals.findWithRelations(big.goalId)),
    await driver.record(() => session.tasks.statistics({ userId: busy.userId, startDate, endDate: samples.now })),
    // The page alone: the count of what was imported would hide it.
    {
      text: 'select * from "tasks" where user_id = $1 order by created_at desc, id desc limit 100',
      parameters: [busy.userId],
    },
  ];
  const rows: string[][] = [];
  for (const set of INDEX_SETS) {
    const cost = await fillCandidate(sql, set);
    const [list, listOfGoal, full, statistics, page] = reads.map(onCandidate);
    const cells = [set.name, sizes(cost), perRow(cost.insert), perRow(cost.move), perRow(cost.changeState)];
    for (const statement of [list, listOfGoal, full, statistics]) {
      if (statement !== undefined) cells.push((await explain(sql, statement, "auto")).executionMs.toFixed(2));
    }
    if (page !== undefined) cells.push((await explainWithImport(sql, page, busy.userId)).executionMs.toFixed(2));
    rows.push(cells);
  }
  const heads = [
    "list, busy user, ms",
    "list, big goal, ms",
    "full, big goal, ms",
    "statistics, ms",
    "page after import, ms",
  ];
  return markdownTable(
    ["set", "MB", "insert, µs and bytes", "move, µs and bytes", "state, µs and bytes", ...heads],
    rows,
  );
}

function sizes({ megabytes }: IndexCost): string {
  const total = Object.values(megabytes).reduce((sum, size) => sum + size, 0);
  const parts = Object.entries(megabytes).map(([name, size]) => `${name} ${size.toFixed(0)}`);
  return parts.length === 0 ? "0" : `${total.toFixed(0)}: ${parts.join(", ")}`;
}

function perRow({ microseconds, walBytes }: WriteCost): string {
  return `${microseconds.toFixed(1)}, ${walBytes.toFixed(0)}`;
}
