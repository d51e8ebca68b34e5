import { randomUUID } from "node:crypto";
import type { TaskPriority, TaskState, TriggerType } from "@flux/dao-core";
import { type Collection, EntitySchema, type Opt } from "@mikro-orm/core";

export interface Goal {
  id: Opt<string>;
  userId: string;
  title: string;
  category: string | null;
  timeline: string | null;
  status: string & Opt;
  createdAt: Opt<Date>;
  milestones: Collection<Milestone>;
  tasks: Collection<Task>;
}

export interface Milestone {
  id: Opt<string>;
  goal: Goal;
  weekNumber: number;
  title: string;
  status: string & Opt;
  createdAt: Opt<Date>;
  tasks: Collection<Task>;
}

export interface Task {
  id: Opt<string>;
  userId: string;
  goal: Goal;
  milestone: Milestone | null;
  title: string;
  startTime: Date | null;
  endTime: Date | null;
  state: TaskState;
  priority: TaskPriority;
  triggerType: TriggerType;
  isRecurring: boolean;
  calendarEventId: string | null;
  createdAt: Opt<Date>;
}

const id = { type: "uuid", primary: true, onCreate: () => randomUUID() } as const;
const createdAt = { type: "datetime", onCreate: () => new Date() } as const;
const text = { type: "text" } as const;

/** The entities as in MikroORM's docs for definitions without decorators. The order of lists is part of them. */
export const goalSchema = new EntitySchema<Goal>({
  name: "Goal",
  tableName: "goals",
  properties: {
    id,
    userId: { type: "uuid" },
    title: text,
    category: { ...text, nullable: true },
    timeline: { ...text, nullable: true },
    status: { ...text, default: "active" },
    createdAt,
    milestones: {
      kind: "1:m",
      entity: "Milestone",
      mappedBy: "goal",
      orderBy: { weekNumber: "asc", createdAt: "asc", id: "asc" },
    },
    tasks: {
      kind: "1:m",
      entity: "Task",
      mappedBy: "goal",
      orderBy: { startTime: "asc", createdAt: "asc", id: "asc" },
    },
  },
});

export const milestoneSchema = new EntitySchema<Milestone>({
  name: "Milestone",
  tableName: "milestones",
  properties: {
    id,
    goal: { kind: "m:1", entity: "Goal" },
    weekNumber: { type: "integer" },
    title: text,
    status: { ...text, default: "pending" },
    createdAt,
    tasks: { kind: "1:m", entity: "Task", mappedBy: "milestone" },
  },
});

export const taskSchema = new EntitySchema<Task>({
  name: "Task",
  tableName: "tasks",
  properties: {
    id,
    userId: { type: "uuid" },
    goal: { kind: "m:1", entity: "Goal" },
    milestone: { kind: "m:1", entity: "Milestone", nullable: true },
    title: text,
    startTime: { type: "datetime", nullable: true },
    endTime: { type: "datetime", nullable: true },
    state: {
      enum: true,
      items: ["scheduled", "drifted", "completed", "missed"],
      nativeEnumName: "task_state",
      type: "string",
    },
    priority: {
      enum: true,
      items: ["standard", "important", "must-not-miss"],
      nativeEnumName: "task_priority",
      type: "string",
    },
    triggerType: { enum: true, items: ["time", "on_leaving_home"], nativeEnumName: "trigger_type", type: "string" },
    isRecurring: { type: "boolean" },
    calendarEventId: { type: "string", nullable: true },
    createdAt,
  },
});
