import assert from "node:assert/strict";
import type { DaoServices } from "../../contract/services.ts";
import { makeGoalStructureData, makeTaskData } from "../factories.ts";
import { assertInvalid } from "./assert-refused.ts";
import type { ContractCase } from "./contract-case.ts";
import { createOwner, type Owner } from "./sample-rows.ts";
import { MAX_INSTANT, MIN_INSTANT } from "./storable-instants.ts";
import { untyped } from "./untyped.ts";

/** Instants that a column, a driver or a text format could distort. */
const storable: readonly Date[] = [
  MIN_INSTANT,
  MAX_INSTANT,
  new Date("2026-02-15T10:00:00.123Z"),
  new Date("2026-02-15T10:00:00.001Z"),
  new Date("2026-02-15T10:00:00.000Z"),
  new Date("1969-12-31T23:59:59.999Z"),
  new Date("1970-01-01T00:00:00.000Z"),
  new Date("0099-03-01T00:00:00.500Z"),
  new Date("1582-10-10T12:00:00.000Z"),
  new Date("2024-02-29T23:59:59.999Z"),
  new Date("2026-03-29T01:30:00.000Z"),
];

const unstorable: readonly Date[] = [
  new Date(Number.NaN),
  new Date(MIN_INSTANT.getTime() - 1),
  new Date(MAX_INSTANT.getTime() + 1),
  new Date("-000001-06-01T00:00:00.000Z"),
  new Date(8.64e15),
  new Date(-8.64e15),
];

/** Invalid instants: numbers, and text without an offset, without a date, or with no valid reading. */
const noInstants: readonly unknown[] = [
  1_771_149_600_000,
  0,
  true,
  {},
  [],
  "",
  "now",
  "infinity",
  "2026-02-15",
  "2026-02-15T10:00:00",
  "2026-02-30T10:00:00Z",
  "2026-02-15T25:00:00Z",
];

interface InstantField {
  readonly name: string;
  readonly path: string;
  write(services: DaoServices, owner: Owner, instant: Date): Promise<Date | null | undefined>;
}

const instantFields: readonly InstantField[] = [
  {
    name: "task startTime at creation",
    path: "startTime",
    write: async ({ tasks }, { user, goal }, startTime) =>
      (await tasks.createTask(untyped(makeTaskData(user.id, goal.id), { startTime }))).startTime,
  },
  {
    name: "task endTime at creation",
    path: "endTime",
    write: async ({ tasks }, { user, goal }, endTime) =>
      (await tasks.createTask(untyped(makeTaskData(user.id, goal.id), { endTime }))).endTime,
  },
  {
    name: "task startTime at an update",
    path: "startTime",
    async write({ tasks }, { user, goal }, startTime) {
      const { id } = await tasks.createTask(makeTaskData(user.id, goal.id));
      await tasks.updateTask(id, untyped({}, { startTime }));
      return (await tasks.getTask(id)).startTime;
    },
  },
  {
    name: "task endTime at an update",
    path: "endTime",
    async write({ tasks }, { user, goal }, endTime) {
      const { id } = await tasks.createTask(makeTaskData(user.id, goal.id));
      await tasks.updateTask(id, untyped({}, { endTime }));
      return (await tasks.getTask(id)).endTime;
    },
  },
  {
    name: "task startTime in a goal structure",
    path: "milestones.0.tasks.0.startTime",
    async write({ goals }, { user }, startTime) {
      const shape = { milestones: 1, tasksPerMilestone: 1, task: untyped({}, { startTime }) };
      const { id, tasks } = await goals.createGoalWithStructure(makeGoalStructureData(user.id, shape));
      const full = await goals.getGoalFull(id);
      assert.deepEqual(full.tasks, tasks);
      return full.tasks[0]?.startTime;
    },
  },
  {
    name: "demo flags virtualNow",
    path: "virtualNow",
    async write({ demoFlags }, { user }, virtualNow) {
      await demoFlags.putDemoFlags(user.id, untyped({}, { virtualNow }));
      return (await demoFlags.getDemoFlags(user.id)).virtualNow;
    },
  },
];

/** Instants, in every field that has one. */
export const instantCases: readonly ContractCase[] = instantFields.flatMap(({ name, path, write }) => [
  {
    name: `contract, REST: ${name} keeps its milliseconds, in the years 0001 to 9999`,
    async run(services) {
      const owner = await createOwner(services);
      for (const instant of storable) assert.deepEqual(await write(services, owner, instant), instant);
    },
  },
  {
    name: `contract, REST: ${name} refuses other years, and anything but an instant`,
    async run(services) {
      const owner = await createOwner(services);
      for (const instant of unstorable) await assertInvalid(write(services, owner, instant), path);
      for (const value of noInstants) {
        const { wrong } = untyped({ wrong: MIN_INSTANT }, { wrong: value });
        await assertInvalid(write(services, owner, wrong), path);
      }
    },
  },
]);
