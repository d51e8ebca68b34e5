import type postgres from "postgres";
import type { RecordedStatement } from "../../bench/recording-driver.ts";

/** How PostgreSQL plans a prepared statement: for the values of each execution, once for all values, or as it chooses. */
export type PlanMode = "custom" | "generic";

/** The result of EXPLAIN (ANALYZE, BUFFERS) for one run, reduced to what a table can show. */
export interface PlanSummary {
  /** Milliseconds, the median of the runs. */
  readonly executionMs: number;
  readonly planningMs: number;
  /** 8 kB pages that were touched. */
  readonly pages: number;
  /** The nodes that read a table, such as `Index Scan tasks_pkey`, and the sorts. */
  readonly nodes: readonly string[];
  /** The indexes that were read, each once. */
  readonly indexes: readonly string[];
  /** The tables that were read from the beginning, without an index: to the end, unless a limit stopped that. */
  readonly scannedTables: readonly string[];
  /** The number of rows of the largest sort; 0 without one. */
  readonly sortedRows: number;
  /** The share of foreign-key checks and cascades in the execution time. */
  readonly foreignKeys: { readonly ms: number; readonly calls: number };
}

interface PlanNode {
  readonly "Node Type": string;
  readonly "Relation Name"?: string;
  readonly "Index Name"?: string;
  readonly "Shared Hit Blocks"?: number;
  readonly "Shared Read Blocks"?: number;
  readonly "Actual Rows"?: number;
  readonly "Actual Loops"?: number;
  readonly Plans?: readonly PlanNode[];
}

interface ExplainedRun {
  readonly Plan: PlanNode;
  readonly "Planning Time"?: number;
  readonly "Execution Time": number;
  readonly Triggers?: readonly { readonly Time: number; readonly Calls: number }[];
}

const RUNS = 5;

/**
 * Prepares the statement on this one connection, runs it several times in the mode, and rolls back its writes.
 * @param countedRuns after one that fills the caches; with 1 that one is skipped, for callers that do not compare times
 */
export function explain(
  sql: postgres.Sql,
  statement: RecordedStatement,
  mode: PlanMode | "auto",
  countedRuns = RUNS,
): Promise<PlanSummary> {
  return prepared(sql, statement, mode, async (execution) => {
    if (countedRuns > 1) await explainOnce(sql, execution);
    const runs: ExplainedRun[] = [];
    for (let run = 0; run < countedRuns; run++) runs.push(await explainOnce(sql, execution));
    runs.sort((a, b) => a["Execution Time"] - b["Execution Time"]);
    const middle = runs[Math.floor(countedRuns / 2)];
    if (middle === undefined) throw new Error("EXPLAIN returned nothing.");
    return summarize(middle);
  });
}

/** A table of so few rows is on a few pages, and best read without an index. */
const FEW_ROWS = 1000;

/**
 * The tables of which more than a thousand rows are read without an index by the statement, including the checks and cascades of
 * foreign keys, which no plan shows. Its writes are rolled back.
 */
export async function tablesScannedBy(sql: postgres.Sql, statement: RecordedStatement): Promise<string[]> {
  return prepared(sql, statement, "auto", async (execution) => {
    await sql.unsafe("begin");
    try {
      // The counters go back to before the transaction.
      const before = await rowsScanned(sql);
      await sql.unsafe(execution);
      const after = await rowsScanned(sql);
      return [...after].filter(([name, rows]) => rows - (before.get(name) ?? 0) > FEW_ROWS).map(([name]) => name);
    } finally {
      await sql.unsafe("rollback");
    }
  });
}

async function rowsScanned(sql: postgres.Sql): Promise<Map<string, number>> {
  const tables = await sql<{ name: string; rows: number }[]>`
    select relname as name, seq_tup_read::float8 as rows from pg_stat_xact_user_tables`;
  return new Map(tables.map(({ name, rows }) => [name, rows]));
}

async function prepared<Result>(
  sql: postgres.Sql,
  statement: RecordedStatement,
  mode: PlanMode | "auto",
  work: (execution: string) => Promise<Result>,
): Promise<Result> {
  await sql.unsafe(`set plan_cache_mode = ${mode === "auto" ? "auto" : `force_${mode}_plan`}`);
  await sql.unsafe(`prepare explained as ${statement.text}`);
  try {
    const { parameters } = statement;
    return await work(`execute explained${parameters.length === 0 ? "" : `(${parameters.map(literal).join(", ")})`}`);
  } finally {
    await sql.unsafe("deallocate explained");
  }
}

async function explainOnce(sql: postgres.Sql, execution: string): Promise<ExplainedRun> {
  await sql.unsafe("begin");
  try {
    const [row] = await sql.unsafe<{ "QUERY PLAN": ExplainedRun[] }[]>(
      `explain (analyze, buffers, format json) ${execution}`,
    );
    const [explained] = row?.["QUERY PLAN"] ?? [];
    if (explained === undefined) throw new Error("EXPLAIN returned nothing.");
    return explained;
  } finally {
    await sql.unsafe("rollback");
  }
}

function literal(value: string | number | boolean | null): string {
  if (typeof value === "string") return `'${value.replaceAll("'", "''")}'`;
  return String(value);
}

function summarize(run: ExplainedRun): PlanSummary {
  const triggers = run.Triggers ?? [];
  const nodes = [...allNodes(run.Plan)];
  const isTableScan = (node: PlanNode) => node["Node Type"] === "Seq Scan";
  return {
    executionMs: run["Execution Time"],
    planningMs: run["Planning Time"] ?? 0,
    pages: (run.Plan["Shared Hit Blocks"] ?? 0) + (run.Plan["Shared Read Blocks"] ?? 0),
    nodes: unique(nodes.map(describe)),
    indexes: unique(nodes.map((node) => node["Index Name"])),
    scannedTables: unique(nodes.filter(isTableScan).map((node) => node["Relation Name"])),
    sortedRows: Math.max(0, ...nodes.filter(isSort).flatMap(({ Plans: inputs = [] }) => inputs.map(rowsOf))),
    foreignKeys: {
      ms: triggers.reduce((sum, { Time: time }) => sum + time, 0),
      calls: triggers.reduce((sum, { Calls: calls }) => sum + calls, 0),
    },
  };
}

function* allNodes(node: PlanNode): Generator<PlanNode> {
  yield node;
  for (const child of node.Plans ?? []) yield* allNodes(child);
}

function isSort(node: PlanNode): boolean {
  return node["Node Type"].endsWith("Sort");
}

function rowsOf(node: PlanNode): number {
  return (node["Actual Rows"] ?? 0) * (node["Actual Loops"] ?? 1);
}

/** A node that reads or sorts, as the tables show it; `undefined` for others. */
function describe(node: PlanNode): string | undefined {
  const type = node["Node Type"];
  if (isSort(node)) return type;
  const source = node["Index Name"] ?? node["Relation Name"];
  return type.endsWith("Scan") && source !== undefined && type !== "Bitmap Heap Scan" ? `${type} ${source}` : undefined;
}

function unique(names: readonly (string | undefined)[]): string[] {
  return [...new Set(names.filter((name) => name !== undefined))];
}
