import { asc, eq, type SQL, sql } from "drizzle-orm";
import { alias, type PgColumn } from "drizzle-orm/pg-core";
import type { CallOptions } from "../contract/call-options.ts";
import type { TaskChangeDto, TaskDto, TaskImportDto } from "../contract/task.ts";
import type { SchemaExecutor } from "../session/driver.ts";
import { taskStatements, writtenEnd } from "./entities.ts";
import {
  compile,
  counted,
  one,
  prepared,
  queryBuilder,
  run,
  StatementCache,
  withOwnInstants,
} from "./statement/statement.ts";
import { tasks } from "./statement/tables.ts";
import { columnOf, jsonRecords, newRows, resultColumns, sqlType } from "./statement/text-columns.ts";
import { newId } from "./table-dao.ts";

/*
 * Writes many tasks in one statement. They are sent as one JSON parameter, so that one prepared statement serves any number of
 * rows.
 */

const insertTasks = prepared("write", () =>
  counted(queryBuilder.insert(tasks).select(newRows(tasks, "tasks")).returning(one)),
);

/**
 * Creates all of the tasks, or none; returns how many.
 * @throws Error if a trigger of others suppressed some; a transaction is then rolled back
 */
export async function createTasks(
  executor: SchemaExecutor,
  input: readonly TaskImportDto[],
  options?: CallOptions,
): Promise<number> {
  const rows = input.map((task) => withOwnInstants(taskStatements.insertValues(task.id ?? newId(), task)));
  const { rows: counts } = await run(executor, insertTasks(), { tasks: JSON.stringify(rows) }, options);
  const count = Number(counts[0]?.[0]);
  if (count !== rows.length) {
    throw new Error(`The database wrote ${count} of ${rows.length} tasks; look for a trigger on the table.`);
  }
  return count;
}

const { columns } = taskStatements;
const updatable = Object.keys(columns).filter((name) => !["id", "userId", "goalId", "createdAt"].includes(name));

/** A statement for each set of fields that callers change at once. */
const updates = new StatementCache();

/** Changes the tasks, each differently, all or none; returns those that exist, in any order. */
export async function updateTasks(
  executor: SchemaExecutor,
  changes: readonly TaskChangeDto[],
  options?: CallOptions,
): Promise<TaskDto[]> {
  const isChanged = (name: string) => changes.some((change) => Reflect.get(change, name) !== undefined);
  // An UPDATE must set something; the title may be set to itself.
  const names = updatable.filter((name) => name === "title" || isChanged(name));
  const rows = changes.map((change) => withOwnInstants({ ...change, changed: changedFields(change, names) }));
  const statement = updates.get(names.join(), () => compile("write", buildUpdate(names)));
  const { rows: updated } = await run(executor, statement, { changes: JSON.stringify(rows) }, options);
  return updated.map((row) => taskStatements.read(row));
}

/** A bit mask of the fields that the change has, the first as bit 0: null is a value, so absence must be encoded separately. */
function changedFields(change: TaskChangeDto, names: readonly string[]): number {
  return names.reduce((bits, name, index) => (Reflect.get(change, name) === undefined ? bits : bits | (1 << index)), 0);
}

/** FOR UPDATE OF names a table without its schema. */
const target = alias(tasks, "tasks");

/** Locks in the order of ids, so that concurrent updates do not deadlock. */
function buildUpdate(names: readonly string[]) {
  const members = names.map((name) => [name, sqlType(columnOf(columns, name))] as const);
  const records = jsonRecords("changes", [["id", sql`uuid`], ["changed", sql`integer`], ...members]);
  const member = (name: string) => sql`record.${sql.identifier(name)}`;
  const newValues = names.map((name) => [name, member(name).as(`new_${name}`)]);
  const locked = queryBuilder.$with("locked").as(
    queryBuilder
      .select({ id: target.id, changed: member("changed").as("changed"), ...Object.fromEntries(newValues) })
      .from(target)
      .innerJoin(records, eq(target.id, member("id")))
      .orderBy(asc(target.id))
      .for("update", { of: target }),
  );
  const values = names.map((name, index) => [name, changedValue(columnOf(columns, name), `new_${name}`, 1 << index)]);
  return queryBuilder
    .with(locked)
    .update(tasks)
    .set(Object.fromEntries(values))
    .from(locked)
    .where(eq(tasks.id, sql`locked.id`))
    .returning(resultColumns(columns));
}

function changedValue(column: PgColumn, newName: string, bit: number): SQL {
  const isSet = sql`locked.changed & ${sql.raw(String(bit))} <> 0`;
  const value = sql`locked.${sql.identifier(newName)}`;
  return sql`case when ${isSet} then ${column === tasks.endTime ? writtenEnd(value) : value} else ${column} end`;
}
