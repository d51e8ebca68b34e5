import { Database } from "@flux/dao-core";
import { createTestDatabase, type TestDatabase } from "@flux/dao-core/testing";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { loadWithoutIndexes } from "../../bench/data/bulk-load.ts";
import { type RecordedStatement, RecordingDriver } from "../../bench/recording-driver.ts";
import { amount } from "../depth.ts";
import { calls } from "./calls.ts";
import { EXPECTED_READS, EXPECTED_WRITES, type ExpectedPlan } from "./expected-plans.ts";
import { seedMillionTasks } from "./million-tasks.ts";
import { explain, type PlanMode, type PlanSummary, tablesScannedBy } from "./plan.ts";
import { pickSamples } from "./samples.ts";

/** How many rows may be sorted if the parameters show that there are no more. */
const FEW_ROWS = 101;

/** The statements that the DAOs send, by the name of the call. */
const statements = new Map<string, readonly RecordedStatement[]>();
let testDatabase: TestDatabase;
let sql: postgres.Sql;

beforeAll(async () => {
  testDatabase = await createTestDatabase({ serverUrl: inject("adminUrl") });
  sql = postgres(testDatabase.url, { max: 1, onnotice: () => undefined });
  await sql.unsafe("set work_mem = '128MB'; set maintenance_work_mem = '256MB'");
  await loadWithoutIndexes(sql, ["milestones", "tasks"], () => seedMillionTasks(sql, amount(0.2, 1)));
  await sql.unsafe("reset work_mem; reset maintenance_work_mem");
  const driver = new RecordingDriver();
  const session = new Database(driver);
  for (const { name, call } of calls(await pickSamples(sql))) {
    statements.set(name, await driver.recordAll(() => call(session)));
  }
}, 240_000);

afterAll(async () => {
  await sql?.end();
  await testDatabase?.drop();
});

function statementsOf(name: string): readonly RecordedStatement[] {
  const recorded = statements.get(name);
  if (recorded === undefined) throw new Error(`There is no call ${name}.`);
  return recorded;
}

type CallPlan = Pick<PlanSummary, "indexes" | "pages" | "sortedRows" | "scannedTables">;

/** The plans of a call's statements as one: a list has a second statement for its total. */
async function planOf(name: string, mode: PlanMode): Promise<CallPlan> {
  const plans: PlanSummary[] = [];
  for (const statement of statementsOf(name)) plans.push(await explain(sql, statement, mode, 1));
  return {
    indexes: [...new Set(plans.flatMap(({ indexes }) => indexes))],
    pages: plans.reduce((sum, { pages }) => sum + pages, 0),
    sortedRows: Math.max(...plans.map(({ sortedRows }) => sortedRows)),
    scannedTables: [...new Set(plans.flatMap(({ scannedTables }) => scannedTables))],
  };
}

function expectPlan(plan: CallPlan, expected: ExpectedPlan): void {
  expect.soft([...plan.indexes].sort(), "indexes").toEqual([...expected.indexes].sort());
  expectWithinBounds(plan, expected);
}

function expectWithinBounds(plan: CallPlan, { pages, sortedRows = 0, scans }: ExpectedPlan): void {
  expect.soft(plan.pages, "pages").toBeLessThanOrEqual(pages);
  expect.soft(plan.sortedRows, "rows sorted").toBeLessThanOrEqual(sortedRows);
  expect.soft(plan.scannedTables, "tables read without an index").toEqual(scans === undefined ? [] : [scans]);
}

describe(`on ${amount(200_000, 1_000_000)} tasks`, () => {
  test("every statement has its plan here", () => {
    expect([...statements.keys()].sort()).toEqual(
      [...Object.keys(EXPECTED_READS), ...Object.keys(EXPECTED_WRITES)].sort(),
    );
  });

  test.each(Object.entries(EXPECTED_READS))("%s", async (name, expected) => {
    // From the sixth execution on PostgreSQL keeps a generic plan, unless custom plans are much cheaper.
    expectPlan(await planOf(name, "generic"), expected);
    const custom = await planOf(name, "custom");
    // With values known to select few rows, it may use a bitmap scan of an index, and one index instead of two.
    expect.soft(expected.indexes, "indexes of the custom plan").toEqual(expect.arrayContaining([...custom.indexes]));
    expectWithinBounds(custom, { ...expected, sortedRows: Math.max(expected.sortedRows ?? 0, FEW_ROWS) });
  });

  // After all reads, since even rolled-back writes leave dead rows to skip.
  test.each(Object.entries(EXPECTED_WRITES))("%s", async (name, expected) => {
    expectPlan(await planOf(name, "generic"), expected);
    expectPlan(await planOf(name, "custom"), expected);
    // This includes the statements that check and follow foreign keys.
    for (const statement of statementsOf(name)) expect(await tablesScannedBy(sql, statement)).toEqual([]);
  });
});
