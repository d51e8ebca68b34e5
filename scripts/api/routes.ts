import * as contract from "@flux/dao-core/contract";
import * as z from "zod";
import type { RouteName } from "../../packages/dao-http/src/api/operation.ts";
import { CHANGES_WAIT } from "../../packages/dao-http/src/wire/limits.ts";
import { type Route, type Routes, rowRoutes, streamShape } from "./route.ts";

const user = rowRoutes("user", "user_id", contract.userDto, contract.userQueries);
const goal = rowRoutes("goal", "goal_id", contract.goalDto, contract.goalQueries);
const milestone = rowRoutes("milestone", "milestone_id", contract.milestoneDto, contract.milestoneQueries);
const task = rowRoutes("task", "task_id", contract.taskDto, contract.taskQueries);
const conversation = rowRoutes("conversation", "id", contract.conversationDto, contract.conversationQueries);

/** The REST API (guide, "API Reference"): every operation, by name. `pnpm generate` derives what is needed at run time. */
export const routes: Readonly<Record<RouteName, Route>> = {
  "users.listUsers": user.list,
  "users.streamUsers": user.stream(contract.userQueries.stream.extend(streamShape)),
  "users.countUsers": user.count,
  "users.getUser": user.get,
  "users.createUser": user.create(contract.userCreateDto, "conflict"),
  "users.updateUser": user.update(
    contract.userUpdateDto,
    "An omitted field is kept. Preferences are replaced as a whole.",
    "conflict",
  ),
  "users.deleteUser": user.delete("Also deletes all goals, milestones, tasks, conversations and demo flags."),

  "goals.listGoals": goal.list,
  "goals.streamGoals": goal.stream(contract.goalQueries.stream.extend(streamShape)),
  "goals.countGoals": goal.count,
  "goals.getGoal": goal.get,
  "goals.getGoalFull": {
    method: "GET",
    path: "/api/v1/goals/{goal_id}/full",
    summary: "Get a goal with its milestones and tasks",
    description: "Milestones by week; tasks by start time, tasks without one last.",
    output: contract.goalWithRelationsDto,
    errors: ["not_found"],
  },
  "goals.createGoal": goal.create(contract.goalCreateDto, "related_row_missing"),
  "goals.createGoalWithStructure": {
    method: "POST",
    path: "/api/v1/goals/with-structure",
    summary: "Create a goal with its milestones and tasks",
    description: "All or nothing. Returns milestones and tasks as two flat lists, in the order of the request.",
    status: 201,
    body: contract.goalStructureCreateDto,
    output: contract.goalWithRelationsDto,
    location: goal.get.path,
    errors: ["related_row_missing"],
  },
  "goals.updateGoal": goal.update(
    contract.goalUpdateDto,
    "An omitted field is kept; null clears it. A goal keeps its user.",
  ),
  "goals.deleteGoal": goal.delete("Also deletes its milestones, tasks and conversations."),

  "milestones.listMilestones": milestone.list,
  "milestones.streamMilestones": milestone.stream(contract.milestoneQueries.stream.extend(streamShape)),
  "milestones.countMilestones": milestone.count,
  "milestones.getMilestone": milestone.get,
  "milestones.createMilestone": milestone.create(contract.milestoneCreateDto, "related_row_missing"),
  "milestones.updateMilestone": milestone.update(
    contract.milestoneUpdateDto,
    "An omitted field is kept. A milestone keeps its goal.",
  ),
  "milestones.deleteMilestone": milestone.delete("Also deletes its tasks."),

  "tasks.listTasks": task.list,
  "tasks.streamTasks": task.stream(contract.taskQueries.stream.extend(streamShape)),
  "tasks.countTasks": task.count,
  "tasks.getTask": task.get,
  "tasks.createTask": task.create(contract.taskCreateDto, "related_row_missing"),
  "tasks.createTasks": {
    method: "POST",
    path: "/api/v1/tasks/import",
    summary: "Create many tasks",
    description:
      "One task per line, any number of them, all or none. With ids of your own you may send an import again: if it was already " +
      "done, it is a conflict. An Idempotency-Key is not supported. 10,000 bytes of the body, or its end, must arrive in each 30 " +
      "seconds that the service spends waiting for them.",
    status: 201,
    bodyLines: contract.taskImportDto,
    output: contract.taskImportResult,
    errors: ["related_row_missing"],
  },
  "tasks.updateTasks": {
    method: "POST",
    path: "/api/v1/tasks/bulk-update",
    summary: "Change many tasks",
    description:
      "A different change for each of 1 to 1000 tasks, all or none. An omitted field is kept, and null clears it. A task that does " +
      "not exist is skipped, and its result is null. Results are in the order of the updates.",
    body: contract.bulkUpdateRequest,
    output: contract.bulkUpdateResult,
    errors: ["related_row_missing"],
  },
  "tasks.updateTask": task.update(
    contract.taskUpdateDto,
    "An omitted field is kept; null clears it. A task keeps its user and goal.",
    "related_row_missing",
  ),
  "tasks.deleteTask": task.delete(),
  "tasks.getTasksByTimerange": {
    method: "GET",
    path: "/api/v1/tasks/by-timerange",
    summary: "Get a user's tasks in a time window",
    description: "Tasks that start within it, both ends included, by start time, then id. For the Scheduler.",
    query: contract.taskTimerangeRequest,
    output: z.array(contract.taskDto),
  },
  "tasks.bulkUpdateState": {
    method: "POST",
    path: "/api/v1/tasks/bulk-update-state",
    summary: "Set one state on many tasks",
    description: "1 to 1000 ids. Ids that do not exist are skipped; duplicates count once. For the Scheduler.",
    body: contract.bulkUpdateStateRequest,
    output: contract.bulkUpdateStateResult,
  },
  "tasks.linkCalendarEvent": {
    method: "PATCH",
    path: "/api/v1/tasks/{task_id}/calendar-event",
    row: true,
    summary: "Link a task to a calendar event",
    description: "null unlinks it. For the Scheduler.",
    body: contract.calendarEventLinkDto,
    output: contract.taskDto,
    errors: ["not_found"],
  },
  "tasks.getTaskStatistics": {
    method: "GET",
    path: "/api/v1/tasks/statistics",
    summary: "Count a user's tasks by state",
    description: "Tasks created within the time window, both ends included. For the Observer.",
    query: contract.taskStatisticsRequest,
    output: contract.taskStatisticsDto,
  },

  "conversations.listConversations": conversation.list,
  "conversations.streamConversations": conversation.stream(contract.conversationQueries.stream.extend(streamShape)),
  "conversations.countConversations": conversation.count,
  "conversations.getConversation": conversation.get,
  "conversations.createConversation": conversation.create(contract.conversationCreateDto, "related_row_missing"),
  "conversations.updateConversation": conversation.update(
    contract.conversationUpdateDto,
    "An omitted field is kept. Messages are replaced as a whole: to add messages, append them.",
  ),
  "conversations.appendMessages": {
    method: "POST",
    path: "/api/v1/conversations/{id}/messages",
    summary: "Append messages to a conversation",
    description:
      "1 to 1000, after the existing ones, all together: concurrent appends lose nothing. Returns how many there are now.",
    body: contract.messagesAppendDto,
    output: contract.messagesAppendResult,
    errors: ["not_found"],
  },

  "demoFlags.getDemoFlags": {
    method: "GET",
    path: "/api/v1/demo-flags/{user_id}",
    id: "userId",
    row: true,
    summary: "Get a user's demo flags",
    output: contract.demoFlagsDto,
    errors: ["not_found"],
  },
  "demoFlags.putDemoFlags": {
    method: "PUT",
    path: "/api/v1/demo-flags/{user_id}",
    id: "userId",
    row: true,
    summary: "Set a user's demo flags",
    description: "Creates or replaces all of them. A user_id in the body is optional, and must match the path.",
    body: contract.demoFlagsPutDto,
    output: contract.demoFlagsDto,
    errors: ["related_row_missing"],
  },

  "changes.listChanges": {
    method: "GET",
    path: "/api/v1/changes",
    summary: "List changes",
    description:
      "Every committed change of every row, by any writer, once and in order. Begin with cursor=now, then list the rows; from " +
      "then on request the next_cursor of each response, with wait. After a 410 begin again. Changes have no content: read the row. " +
      "501 until the feed is enabled: flux-dao migrate --changes.",
    query: contract.listChangesRequest.extend({
      wait: z
        .int()
        .min(0)
        .max(CHANGES_WAIT)
        .optional()
        .meta({
          description:
            "Seconds to wait for a change if there is none. As soon as there is one the response comes; otherwise it is an empty page " +
            `after this time, or when the service stops. At most ${CHANGES_WAIT}. Default 0.`,
          examples: [CHANGES_WAIT],
        }),
    }),
    output: contract.changePage,
    errors: ["cursor_expired", "changes_disabled"],
  },
  "changes.followChanges": {
    method: "GET",
    path: "/api/v1/changes/stream",
    summary: "Stream changes",
    description:
      'As they are committed, one per line, without end. Lines {"next_cursor":"..."} come at the beginning, every 15 seconds ' +
      "without a change, and at the end, when the service stops. However it ends, continue after the last cursor, of a line or a " +
      "change. Some proxies keep lines for a time: to follow changes through any of them, list changes with wait, as the client does.",
    query: contract.followChangesRequest,
    outputLines: contract.changeDto,
    errors: ["cursor_expired", "changes_disabled"],
  },

  batch: {
    method: "POST",
    path: "/api/v1/batch",
    summary: "Run several operations as one",
    description:
      "1 to 100 requests of this API in one transaction, one after the other: all of them take effect, or none. Each sees what " +
      "those before it wrote; choose the ids of new rows to refer to them. Results are in the order of the operations. If one " +
      "fails, the response is its problem, and each path in errors begins with its number, from 0. Not supported: the import, " +
      "streams, changes, a batch in a batch; lists that are longer than 512 KiB; results of more than 4 MiB in all; an Idempotency-Key for " +
      "one operation, instead of the batch. An operation has no members other than these.",
    body: contract.batchRequest,
    output: contract.batchResult,
    errors: ["not_found", "version_mismatch", "related_row_missing"],
  },
} satisfies Routes & { readonly batch: Route };
