import { expectStatus } from "./answer.ts";
import type { Call } from "./server.ts";

/** The entities in JSON (contract, "Data": every field, snake_case). */
export interface UserRow {
  readonly id: string;
  readonly name: string;
  readonly email: string;
  readonly preferences: Readonly<Record<string, unknown>>;
  readonly demo_mode: boolean;
  readonly created_at: string;
}

export interface GoalRow {
  readonly id: string;
  readonly user_id: string;
  readonly title: string;
  readonly category: string | null;
  readonly timeline: string | null;
  readonly status: string;
  readonly created_at: string;
}

export interface MilestoneRow {
  readonly id: string;
  readonly goal_id: string;
  readonly week_number: number;
  readonly title: string;
  readonly status: string;
  readonly created_at: string;
}

export interface TaskRow {
  readonly id: string;
  readonly user_id: string;
  readonly goal_id: string;
  readonly milestone_id: string | null;
  readonly title: string;
  readonly start_time: string | null;
  readonly end_time: string | null;
  readonly state: string;
  readonly priority: string;
  readonly trigger_type: string;
  readonly is_recurring: boolean;
  readonly calendar_event_id: string | null;
  readonly created_at: string;
}

export interface ConversationRow {
  readonly id: string;
  readonly user_id: string;
  readonly goal_id: string;
  readonly messages: readonly unknown[];
  readonly status: string;
  readonly created_at: string;
}

export interface DemoFlagsRow {
  readonly user_id: string;
  readonly virtual_now: string | null;
  readonly escalation_speed: number;
}

export interface GoalWithRelations extends GoalRow {
  readonly milestones: readonly MilestoneRow[];
  readonly tasks: readonly TaskRow[];
}

export interface PageOf<Row> {
  readonly items: readonly Row[];
  readonly total: number;
  readonly page: number;
  readonly page_size: number;
  readonly has_next: boolean;
  readonly has_prev: boolean;
  readonly next_cursor: string | null;
}

export interface Statistics {
  readonly user_id: string;
  readonly total_tasks: number;
  readonly by_state: Readonly<Record<string, number>>;
  readonly completion_rate: number;
}

/** The id of no row. */
export const unknownId = () => crypto.randomUUID();

export const uniqueEmail = () => `${crypto.randomUUID()}@example.com`;

export async function createUser(call: Call, fields: object = {}): Promise<UserRow> {
  const body = { name: "Jane Doe", email: uniqueEmail(), ...fields };
  return expectStatus(await call<UserRow>("POST", "/api/v1/users/", { body }), 201);
}

export async function createGoal(call: Call, user: { readonly id: string }, fields: object = {}): Promise<GoalRow> {
  const body = { user_id: user.id, title: "Run a half marathon", ...fields };
  return expectStatus(await call<GoalRow>("POST", "/api/v1/goals/", { body }), 201);
}

export async function createMilestone(call: Call, goal: { readonly id: string }, fields: object = {}) {
  const body = { goal_id: goal.id, week_number: 1, title: "Build base fitness", ...fields };
  return expectStatus(await call<MilestoneRow>("POST", "/api/v1/milestones/", { body }), 201);
}

/** A task of this goal and its user. */
export async function createTask(
  call: Call,
  goal: { readonly id: string; readonly user_id: string },
  fields: object = {},
): Promise<TaskRow> {
  const body = { user_id: goal.user_id, goal_id: goal.id, title: "Run 3km", ...fields };
  return expectStatus(await call<TaskRow>("POST", "/api/v1/tasks/", { body }), 201);
}

export async function createConversation(
  call: Call,
  goal: { readonly id: string; readonly user_id: string },
  fields: object = {},
): Promise<ConversationRow> {
  const body = { user_id: goal.user_id, goal_id: goal.id, ...fields };
  return expectStatus(await call<ConversationRow>("POST", "/api/v1/conversations/", { body }), 201);
}

/** A goal and its user, which most rows need. */
export async function createOwner(call: Call): Promise<GoalRow> {
  return createGoal(call, await createUser(call));
}

export const idsOf = (rows: readonly { readonly id: string }[]) => rows.map((row) => row.id);
