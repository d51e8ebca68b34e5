// No zod here: the table modules import this file, and joining them to other tables must not load the schemas.

/** In the order of the guide, and of the database's enum types. */
export const TASK_STATES = ["scheduled", "drifted", "completed", "missed"] as const;
export const TASK_PRIORITIES = ["standard", "important", "must-not-miss"] as const;
export const TRIGGER_TYPES = ["time", "on_leaving_home"] as const;

export type TaskState = (typeof TASK_STATES)[number];
export type TaskPriority = (typeof TASK_PRIORITIES)[number];
export type TriggerType = (typeof TRIGGER_TYPES)[number];

/** Characters of the title of a goal, a milestone or a task. */
export const TITLE_LENGTH = { min: 1, max: 500 } as const;

/**
 * The form of an e-mail address: dot-separated atoms (RFC 5322, 3.2.3, with the Unicode of RFC 6531), `@`, dot-separated
 * labels. Whether mail arrives there is not checked. JavaScript and PostgreSQL read the pattern alike; the semicolon is
 * escaped because drizzle-kit cuts a constraint at one.
 */
export const EMAIL_PATTERN = String.raw`^[^\s@"(),:\u003b<>[\]\\.]+(\.[^\s@"(),:\u003b<>[\]\\.]+)*@[^\s@"(),:\u003b<>[\]\\.]+(\.[^\s@"(),:\u003b<>[\]\\.]+)*$`;
