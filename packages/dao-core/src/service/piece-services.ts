import type { CallOptions } from "../contract/call-options.ts";
import { conversationListRequest, conversationUpdateDto } from "../contract/conversation.ts";
import { parseId } from "../contract/fields/text.ts";
import { validate } from "../contract/fields/validation.ts";
import { goalListRequest, goalUpdateDto } from "../contract/goal.ts";
import { milestoneListRequest, milestoneUpdateDto } from "../contract/milestone.ts";
import type { OperationName } from "../contract/services.ts";
import { taskListRequest, taskTimerangeRequest } from "../contract/task.ts";
import { userListRequest, userUpdateDto } from "../contract/user.ts";
import type {
  ListedEntity,
  LongRow,
  OpenGoal,
  OpenPage,
  PieceReads,
  RowPieces,
  WholeResult,
} from "../session/piece-reads.ts";
import { assertFound } from "./conditional-write.ts";

/** The result of a read in pieces: all of it if it is small, otherwise what the caller sends first, and the rows to read. */
export type OpenResult =
  | { readonly kind: "whole"; readonly result: unknown }
  | ({ readonly kind: "page" } & OpenPage)
  | { readonly kind: "list"; readonly rows: RowPieces }
  | { readonly kind: "row"; readonly row: LongRow }
  | ({ readonly kind: "goal" } & OpenGoal);

type Read = (input: unknown, options?: CallOptions) => Promise<OpenResult>;
/** Returns `undefined`, and does nothing, if only the service can do it: new messages of a conversation, which has a limit. */
type Update = (id: string, changes: unknown, options?: CallOptions) => Promise<OpenResult | undefined>;

/** The calls with potentially large results, by operation: reads, and updates of a row. */
export interface PieceServices {
  readonly reads: { readonly [Name in OperationName]?: Read };
  readonly updates: { readonly [Name in OperationName]?: Update };
}

/**
 * The services for callers that forward rows, such as an HTTP server: how much is in memory at a time does not depend on the
 * size of the rows. They take what the services' methods take, except a version, and throw the same errors.
 */
export function createPieceServices(pieces: PieceReads): PieceServices {
  const list =
    (entity: ListedEntity, schema: Parameters<typeof validate>[0]): Read =>
    async (request, options) => {
      const result = await pieces.list(entity, Object(validate(schema, request ?? {})), options);
      return "whole" in result ? whole(result) : { kind: "page", ...result };
    };
  const find =
    (entity: ListedEntity, name: string): Read =>
    async (id, options) => {
      const key = parseId(String(id));
      const result = assertFound(name, key, await pieces.find(entity, key, options));
      return "whole" in result ? whole(result) : { kind: "row", row: result };
    };
  const update =
    (entity: ListedEntity, name: string, schema: Parameters<typeof validate>[0]): Update =>
    async (id, changes, options) => {
      const key = parseId(id);
      const valid = Object(validate(schema, changes));
      if ("messages" in valid) return undefined;
      const result = assertFound(name, key, await pieces.update(entity, key, valid, options));
      return "whole" in result ? whole(result) : { kind: "row", row: result };
    };
  const reads: PieceServices["reads"] = {
    "users.listUsers": list("users", userListRequest),
    "users.getUser": find("users", "user"),
    "goals.listGoals": list("goals", goalListRequest),
    "goals.getGoal": find("goals", "goal"),
    "goals.getGoalFull": async (id, options) => {
      const key = parseId(String(id));
      const result = assertFound("goal", key, await pieces.goal(key, options));
      return "whole" in result ? whole(result) : { kind: "goal", ...result };
    },
    "milestones.listMilestones": list("milestones", milestoneListRequest),
    "milestones.getMilestone": find("milestones", "milestone"),
    "tasks.listTasks": list("tasks", taskListRequest),
    "tasks.getTask": find("tasks", "task"),
    "tasks.getTasksByTimerange": async (request, options) => {
      const result = await pieces.timerange(validate(taskTimerangeRequest, request), options);
      return "whole" in result ? whole(result) : { kind: "list", rows: result };
    },
    "conversations.listConversations": list("conversations", conversationListRequest),
    "conversations.getConversation": find("conversations", "conversation"),
  };
  const updates: PieceServices["updates"] = {
    "users.updateUser": update("users", "user", userUpdateDto),
    "goals.updateGoal": update("goals", "goal", goalUpdateDto),
    "milestones.updateMilestone": update("milestones", "milestone", milestoneUpdateDto),
    "conversations.updateConversation": update("conversations", "conversation", conversationUpdateDto),
  };
  return { reads, updates };
}

function whole({ whole: result }: WholeResult<unknown>): OpenResult {
  return { kind: "whole", result };
}
