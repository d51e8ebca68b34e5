const uuid = { type: "string", format: "uuid" } as const;
const text = { type: "string" } as const;
const moment = { type: "string", format: "date-time" } as const;
const integer = { type: "integer" } as const;

/** The fields of a new task. */
const newTaskFields = {
  title: { type: "string", minLength: 1, maxLength: 500 },
  start_time: { ...moment, nullable: true },
  end_time: { ...moment, nullable: true },
  state: { type: "string", enum: ["scheduled", "drifted", "completed", "missed"] },
  priority: { type: "string", enum: ["standard", "important", "must-not-miss"] },
  trigger_type: { type: "string", enum: ["time", "on_leaving_home"] },
  is_recurring: { type: "boolean" },
  calendar_event_id: { ...text, nullable: true },
} as const;

const owners = { user_id: uuid, goal_id: uuid, milestone_id: { ...uuid, nullable: true } } as const;

export const newTaskSchema = {
  type: "object",
  properties: { ...owners, ...newTaskFields },
  required: ["user_id", "goal_id", "title"],
} as const;

export const taskSchema = {
  type: "object",
  properties: { id: uuid, ...owners, ...newTaskFields, created_at: moment },
} as const;

export const pageSchema = {
  type: "object",
  properties: {
    items: { type: "array", items: taskSchema },
    total: integer,
    page: integer,
    page_size: integer,
    has_next: { type: "boolean" },
    has_prev: { type: "boolean" },
  },
} as const;

const goalFields = {
  user_id: uuid,
  title: text,
  category: { ...text, nullable: true },
  timeline: { ...text, nullable: true },
  status: text,
} as const;

const milestoneFields = { week_number: integer, title: text, status: text } as const;

export const newStructureSchema = {
  type: "object",
  properties: {
    goal: { type: "object", properties: goalFields, required: ["user_id", "title"] },
    milestones: {
      type: "array",
      items: {
        type: "object",
        properties: {
          ...milestoneFields,
          tasks: { type: "array", items: { type: "object", properties: newTaskFields, required: ["title"] } },
        },
        required: ["week_number", "title"],
      },
    },
  },
  required: ["goal", "milestones"],
} as const;

/** A goal with its milestones and tasks. */
export const fullSchema = {
  type: "object",
  properties: {
    id: uuid,
    ...goalFields,
    created_at: moment,
    milestones: {
      type: "array",
      items: { type: "object", properties: { id: uuid, goal_id: uuid, ...milestoneFields, created_at: moment } },
    },
    tasks: { type: "array", items: taskSchema },
  },
} as const;
