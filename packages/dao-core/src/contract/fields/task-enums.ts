// No zod here: the table modules import this file, and joining them to other tables must not load the schemas.

/** In the order of the guide, and of the database's enum types. */
export const TASK_STATES = ["scheduled", "drifted", "completed", "missed"] as const;
export const TASK_PRIORITIES = ["standard", "important", "must-not-miss"] as const;
export const TRIGGER_TYPES = ["time", "on_leaving_home"] as const;

export type TaskState = (typeof TASK_STATES)[number];
export type TaskPriority = (typeof TASK_PRIORITIES)[number];
export type TriggerType = (typeof TRIGGER_TYPES)[number];
