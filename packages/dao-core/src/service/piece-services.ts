import type { CallOptions } from "../contract/call-options.ts";
import { parseId } from "../contract/fields/scalars.ts";
import { validate } from "../contract/fields/validation.ts";
import type { OperationName } from "../contract/services.ts";
import { taskTimerangeRequest } from "../contract/task.ts";
import type { ListedEntity, OpenResult, PieceReads } from "../session/piece-reads.ts";
import { assertFound, entities, requestOf } from "./entity-service.ts";

type Read = (input: unknown, options?: CallOptions) => Promise<OpenResult>;
/** Returns `undefined`, and does nothing, if only the service can do it: it checks the limit of a conversation's messages. */
type Update = (id: string, changes: unknown, options?: CallOptions) => Promise<OpenResult | undefined>;

/** The calls with potentially large results, by operation: reads, and updates of a row. */
export interface PieceServices {
  readonly reads: { readonly [Name in OperationName]?: Read };
  readonly updates: { readonly [Name in OperationName]?: Update };
}

/**
 * The services for callers that forward rows, such as an HTTP server, with bounded memory whatever the size of the rows. They
 * accept what the services' methods accept, except a version, and throw the same errors.
 */
export function createPieceServices(pieces: PieceReads): PieceServices {
  const list =
    (entity: ListedEntity): Read =>
    async (request, options) =>
      pieces.list(entity, Object(validate(entities[entity].queries.list, requestOf(request))), options);
  const find =
    (entity: ListedEntity): Read =>
    async (id, options) => {
      const key = parseId(String(id));
      return assertFound(entities[entity].name, key, await pieces.find(entity, key, options));
    };
  const update =
    (entity: ListedEntity): Update =>
    async (id, changes, options) => {
      const key = parseId(id);
      const valid = Object(validate(entities[entity].update, changes));
      if ("messages" in valid) return undefined;
      return assertFound(entities[entity].name, key, await pieces.update(entity, key, valid, options));
    };
  const reads: PieceServices["reads"] = {
    "users.listUsers": list("users"),
    "users.getUser": find("users"),
    "goals.listGoals": list("goals"),
    "goals.getGoal": find("goals"),
    "goals.getGoalFull": async (id, options) => {
      const key = parseId(String(id));
      return assertFound("goal", key, await pieces.goal(key, options));
    },
    "milestones.listMilestones": list("milestones"),
    "milestones.getMilestone": find("milestones"),
    "tasks.listTasks": list("tasks"),
    "tasks.getTask": find("tasks"),
    "tasks.getTasksByTimerange": async (request, options) =>
      pieces.timerange(validate(taskTimerangeRequest, request), options),
    "conversations.listConversations": list("conversations"),
    "conversations.getConversation": find("conversations"),
  };
  const updates: PieceServices["updates"] = {
    "users.updateUser": update("users"),
    "goals.updateGoal": update("goals"),
    "milestones.updateMilestone": update("milestones"),
    "conversations.updateConversation": update("conversations"),
  };
  return { reads, updates };
}
