import { getTableConfig } from "drizzle-orm/pg-core";
import { expect, test } from "vitest";
import { CONSTRAINT_RULES, FOREIGN_KEY_FIELDS } from "./constraints.ts";
import { conversations, demoFlags, goals, milestones, tasks, users } from "./index.ts";

const configs = [conversations, demoFlags, goals, milestones, tasks, users].map(getTableConfig);

test("every CHECK and UNIQUE constraint has a field and a message", () => {
  const names = configs.flatMap((table) => [
    ...table.checks.map(({ name }) => name),
    ...table.uniqueConstraints.map(({ name }) => name ?? ""),
  ]);
  expect(Object.keys(CONSTRAINT_RULES).sort()).toEqual(names.sort());
});

test("every foreign key has a field, and deletes with its parent", () => {
  const keys = configs.flatMap((table) => table.foreignKeys);
  expect(Object.keys(FOREIGN_KEY_FIELDS).sort()).toEqual(keys.map((key) => key.getName()).sort());
  expect(keys.filter((key) => key.onDelete !== "cascade")).toEqual([]);
});
