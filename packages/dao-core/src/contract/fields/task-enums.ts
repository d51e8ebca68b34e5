// Without zod, for the tables: what joins them with its own loads no schemas.

/** In the guide's order, which is also the order of the database's enum types. */
export const TASK_STATES = ["scheduled", "drifted", "completed", "missed"] as const;
export const TASK_PRIORITIES = ["standard", "important", "must-not-miss"] as const;
export const TRIGGER_TYPES = ["time", "on_leaving_home"] as const;

export type TaskState = (typeof TASK_STATES)[number];
export type TaskPriority = (typeof TASK_PRIORITIES)[number];
export type TriggerType = (typeof TRIGGER_TYPES)[number];
