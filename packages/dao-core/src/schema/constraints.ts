/** The field that a constraint is about, as DTOs name it, and what the rule requires. */
export interface ConstraintRule {
  readonly field: string;
  /** Completes a sentence that begins with the field. */
  readonly message: string;
}

const longTitle: ConstraintRule = { field: "title", message: "must be 1 to 500 characters long" };
const yearRange = "must be an instant in the years 0001 to 9999";

/** The CHECK and UNIQUE constraints by name, to report a violation as the field's rule. A test keeps the table complete. */
export const CONSTRAINT_RULES: Readonly<Record<string, ConstraintRule>> = {
  users_email_key: { field: "email", message: "is taken by another user" },
  users_name_length: { field: "name", message: "must be 1 to 255 characters long" },
  users_email_length: { field: "email", message: "must be 1 to 255 characters long" },
  users_email_format: { field: "email", message: "must be an e-mail address, such as jane@example.com" },
  users_preferences_object: { field: "preferences", message: "must be a JSON object" },
  goals_title_length: longTitle,
  milestones_title_length: longTitle,
  milestones_week_number_positive: { field: "weekNumber", message: "must be at least 1" },
  tasks_title_length: longTitle,
  tasks_calendar_event_id_length: { field: "calendarEventId", message: "must be 1 to 255 characters long" },
  tasks_start_time_range: { field: "startTime", message: yearRange },
  tasks_end_time_range: { field: "endTime", message: yearRange },
  tasks_end_time_not_before_start_time: { field: "endTime", message: "must not be before the start time" },
  conversations_messages_array: { field: "messages", message: "must be a JSON array" },
  demo_flags_virtual_now_range: { field: "virtualNow", message: yearRange },
  demo_flags_escalation_speed_range: { field: "escalationSpeed", message: "must be a finite number, at least 0" },
};

/** The foreign keys by name, and the field that each constrains. */
export const FOREIGN_KEY_FIELDS: Readonly<Record<string, string>> = {
  goals_user_id_fkey: "userId",
  milestones_goal_id_fkey: "goalId",
  tasks_user_id_fkey: "userId",
  tasks_goal_id_fkey: "goalId",
  tasks_milestone_id_fkey: "milestoneId",
  conversations_user_id_fkey: "userId",
  conversations_goal_id_fkey: "goalId",
  demo_flags_user_id_fkey: "userId",
};
