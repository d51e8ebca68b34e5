import * as contract from "@flux/dao-core/contract";
import * as z from "zod";
import { type RoutesOf, rowRoutes } from "./route.ts";

const task = rowRoutes("task", "task_id", contract.taskDto);

export const taskRoutes = {
  "tasks.listTasks": task.list(contract.taskListRequest),
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
  "tasks.streamTasks": {
    method: "GET",
    path: "/api/v1/tasks/stream",
    summary: "Stream tasks",
    description:
      "Every task that the filter matches, newest first, one per line, in constant memory. A response that cannot be completed is " +
      "aborted, not ended. Not every client and proxy can tell the difference (over HTTP/1.0 none reliably can): request cursors. " +
      'Then a line {"next_cursor":"..."} follows at most a thousand tasks, and {"next_cursor":null} is the last line: without ' +
      "it the response is incomplete, and continues after the last cursor.",
    query: contract.taskStreamRequest.extend({
      cursors: z
        .boolean()
        .optional()
        .meta({ description: "Whether lines with cursors come between the tasks, and one at the end. Default false." }),
    }),
    outputLines: contract.taskDto,
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
} satisfies RoutesOf<"tasks">;
