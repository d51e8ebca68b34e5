import type { TaskPriority, TaskState, TriggerType } from "@flux/dao-core";
import { EntitySchema } from "typeorm";

export interface Goal {
  id: string;
  userId: string;
  title: string;
  category: string | null;
  timeline: string | null;
  status: string;
  createdAt: Date;
  milestones?: Milestone[];
  tasks?: Task[];
}

export interface Milestone {
  id: string;
  goalId: string;
  weekNumber: number;
  title: string;
  status: string;
  createdAt: Date;
  goal?: Goal;
}

export interface Task {
  id: string;
  userId: string;
  goalId: string;
  milestoneId: string | null;
  title: string;
  startTime: Date | null;
  endTime: Date | null;
  state: TaskState;
  priority: TaskPriority;
  triggerType: TriggerType;
  isRecurring: boolean;
  calendarEventId: string | null;
  createdAt: Date;
  goal?: Goal;
}

const id = { type: "uuid", primary: true, generated: "uuid" } as const;
const createdAt = { name: "created_at", type: "timestamptz", createDate: true } as const;
const goal = {
  type: "many-to-one",
  target: "Goal",
  joinColumn: { name: "goal_id", referencedColumnName: "id" },
} as const;

/** The entities as in TypeORM's docs for definitions without decorators. */
export const goalSchema = new EntitySchema<Goal>({
  name: "Goal",
  tableName: "goals",
  columns: {
    id,
    userId: { name: "user_id", type: "uuid" },
    title: { type: "text" },
    category: { type: "text", nullable: true },
    timeline: { type: "text", nullable: true },
    status: { type: "text", default: "active" },
    createdAt,
  },
  relations: {
    milestones: { type: "one-to-many", target: "Milestone", inverseSide: "goal" },
    tasks: { type: "one-to-many", target: "Task", inverseSide: "goal" },
  },
});

export const milestoneSchema = new EntitySchema<Milestone>({
  name: "Milestone",
  tableName: "milestones",
  columns: {
    id,
    goalId: { name: "goal_id", type: "uuid" },
    weekNumber: { name: "week_number", type: "integer" },
    title: { type: "text" },
    status: { type: "text", default: "pending" },
    createdAt,
  },
  relations: { goal: { ...goal, inverseSide: "milestones" } },
});

export const taskSchema = new EntitySchema<Task>({
  name: "Task",
  tableName: "tasks",
  columns: {
    id,
    userId: { name: "user_id", type: "uuid" },
    goalId: { name: "goal_id", type: "uuid" },
    milestoneId: { name: "milestone_id", type: "uuid", nullable: true },
    title: { type: "text" },
    startTime: { name: "start_time", type: "timestamptz", nullable: true },
    endTime: { name: "end_time", type: "timestamptz", nullable: true },
    state: { type: "enum", enum: ["scheduled", "drifted", "completed", "missed"], enumName: "task_state" },
    priority: { type: "enum", enum: ["standard", "important", "must-not-miss"], enumName: "task_priority" },
    triggerType: {
      name: "trigger_type",
      type: "enum",
      enum: ["time", "on_leaving_home"],
      enumName: "trigger_type",
    },
    isRecurring: { name: "is_recurring", type: "boolean" },
    calendarEventId: { name: "calendar_event_id", type: "varchar", length: 255, nullable: true },
    createdAt,
  },
  relations: { goal: { ...goal, inverseSide: "tasks" } },
});
