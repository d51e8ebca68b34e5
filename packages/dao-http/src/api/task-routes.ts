import {
  bulkUpdateRequest,
  bulkUpdateResult,
  bulkUpdateStateRequest,
  bulkUpdateStateResult,
  calendarEventLinkDto,
  pageOf,
  taskCreateDto,
  taskDto,
  taskImportDto,
  taskImportResult,
  taskListRequest,
  taskStatisticsDto,
  taskStatisticsRequest,
  taskStreamRequest,
  taskTimerangeRequest,
  taskUpdateDto,
} from "@flux/dao-core/contract";
import * as z from "zod";
import { listDescription } from "./list-description.ts";
import type { RoutesOf } from "./route.ts";

export const taskRoutes = {
  listTasks: {
    summary: "List tasks",
    description: listDescription,
    status: 200,
    query: taskListRequest,
    output: pageOf(taskDto),
    errors: [],
  },
  getTask: { summary: "Get a task", status: 200, output: taskDto, errors: ["not_found"] },
  createTask: {
    summary: "Create a task",
    status: 201,
    body: taskCreateDto,
    example: {
      userId: "0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d6e",
      goalId: "0198c5f0-7a3f-7b12-9d4e-1c2b3a495867",
      title: "Run 3km",
      startTime: new Date("2026-02-15T10:00:00Z"),
      endTime: new Date("2026-02-15T10:30:00Z"),
      state: "scheduled",
      priority: "standard",
      triggerType: "time",
      isRecurring: true,
    },
    output: taskDto,
    location: "getTask",
    errors: ["related_row_missing"],
  },
  createTasks: {
    summary: "Create many tasks",
    description:
      "One task a line, any number of them, created all or none. An id of one's own lets an import be sent again: it is " +
      "refused where it was done; an Idempotency-Key is always refused. It must arrive within 30 seconds: send more in several requests.",
    status: 201,
    body: taskImportDto,
    example: {
      userId: "0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d6e",
      goalId: "0198c5f0-7a3f-7b12-9d4e-1c2b3a495867",
      title: "Run 3km",
    },
    output: taskImportResult,
    errors: ["related_row_missing"],
  },
  streamTasks: {
    summary: "Stream tasks",
    description:
      "Every task that the filter selects, newest first, one a line; any number takes no more memory than a few. The answer is " +
      "cut off, not ended, when it cannot be completed. Not every client and proxy can tell the one from the other (over " +
      "HTTP/1.0 none can for sure): ask for cursors. Then " +
      'a line {"next_cursor":"..."} comes after each thousand tasks at most, and {"next_cursor":null} is the last of all: ' +
      "without it the answer is not whole, and goes on with the last cursor that came.",
    status: 200,
    query: taskStreamRequest.extend({ cursors: z.boolean().optional() }),
    output: taskDto,
    errors: [],
  },
  updateTasks: {
    summary: "Change many tasks",
    description:
      "A different change for each of 1 to 1000 tasks, all or none; of a change, a field that is left out is kept, and null " +
      "clears. A task that does not exist is passed over, and its result is null. Results are in the order of the updates.",
    status: 200,
    body: bulkUpdateRequest,
    example: {
      updates: [
        { id: "0198c5f0-7a40-7f0d-a1b2-c3d4e5f60718", state: "completed" },
        { id: "0198c5f0-7a41-7c3d-8e9f-0a1b2c3d4e5f", title: "Run 4km", startTime: new Date("2026-02-16T10:00:00Z") },
      ],
    },
    output: bulkUpdateResult,
    errors: ["related_row_missing"],
  },
  updateTask: {
    summary: "Update a task",
    description: "A field that is left out is kept; null clears. A task stays with its user and its goal.",
    status: 200,
    body: taskUpdateDto,
    example: { state: "completed" },
    output: taskDto,
    errors: ["not_found", "related_row_missing"],
  },
  deleteTask: { summary: "Delete a task", status: 204, errors: ["not_found"] },
  getTasksByTimerange: {
    summary: "Get a user's tasks in a time window",
    description: "Those that start within it, both ends included, by start time, then id. For the Scheduler.",
    status: 200,
    query: taskTimerangeRequest,
    output: z.array(taskDto),
    errors: [],
  },
  bulkUpdateState: {
    summary: "Set one state on many tasks",
    description: "1 to 1000 ids. Those that do not exist are passed over; duplicates count once. For the Scheduler.",
    status: 200,
    body: bulkUpdateStateRequest,
    example: { taskIds: ["0198c5f0-7a40-7f0d-a1b2-c3d4e5f60718"], newState: "drifted" },
    output: bulkUpdateStateResult,
    errors: [],
  },
  linkCalendarEvent: {
    summary: "Link a task with a calendar event",
    description: "null unlinks it. For the Scheduler.",
    status: 200,
    body: calendarEventLinkDto,
    example: { calendarEventId: "evt_8r2q5c1n" },
    output: taskDto,
    errors: ["not_found"],
  },
  getTaskStatistics: {
    summary: "Count a user's tasks by state",
    description: "Those that were created within the time window, both ends included. For the Observer.",
    status: 200,
    query: taskStatisticsRequest,
    output: taskStatisticsDto,
    errors: [],
  },
} satisfies RoutesOf<"tasks">;
