import type { OperationTable } from "./operation.ts";
import {
  conversationListParameters,
  goalListParameters,
  milestoneListParameters,
  taskListParameters,
  taskStatisticsParameters,
  taskStreamParameters,
  taskTimerangeParameters,
  userListParameters,
} from "./query-parameters.ts";

/**
 * The REST API: which request stands for which service method (guide, "API Reference"). Server, client and OpenAPI
 * document are made of this table; what only the server needs to know of an operation is in `routes/`.
 */
export const operations = {
  users: {
    listUsers: { method: "GET", path: "/api/v1/users/", input: "query", query: userListParameters },
    getUser: { method: "GET", path: "/api/v1/users/{user_id}", id: "id", input: "none", row: true },
    createUser: { method: "POST", path: "/api/v1/users/", input: "body", row: true },
    updateUser: { method: "PATCH", path: "/api/v1/users/{user_id}", id: "id", input: "body", row: true },
    deleteUser: { method: "DELETE", path: "/api/v1/users/{user_id}", id: "id", input: "none", row: true },
  },
  goals: {
    listGoals: { method: "GET", path: "/api/v1/goals/", input: "query", query: goalListParameters },
    getGoal: { method: "GET", path: "/api/v1/goals/{goal_id}", id: "id", input: "none", row: true },
    getGoalFull: { method: "GET", path: "/api/v1/goals/{goal_id}/full", id: "id", input: "none" },
    createGoal: { method: "POST", path: "/api/v1/goals/", input: "body", row: true },
    createGoalWithStructure: { method: "POST", path: "/api/v1/goals/with-structure", input: "body" },
    updateGoal: { method: "PATCH", path: "/api/v1/goals/{goal_id}", id: "id", input: "body", row: true },
    deleteGoal: { method: "DELETE", path: "/api/v1/goals/{goal_id}", id: "id", input: "none", row: true },
  },
  milestones: {
    listMilestones: { method: "GET", path: "/api/v1/milestones/", input: "query", query: milestoneListParameters },
    getMilestone: { method: "GET", path: "/api/v1/milestones/{milestone_id}", id: "id", input: "none", row: true },
    createMilestone: { method: "POST", path: "/api/v1/milestones/", input: "body", row: true },
    updateMilestone: { method: "PATCH", path: "/api/v1/milestones/{milestone_id}", id: "id", input: "body", row: true },
    deleteMilestone: {
      method: "DELETE",
      path: "/api/v1/milestones/{milestone_id}",
      id: "id",
      input: "none",
      row: true,
    },
  },
  tasks: {
    listTasks: { method: "GET", path: "/api/v1/tasks/", input: "query", query: taskListParameters },
    getTask: { method: "GET", path: "/api/v1/tasks/{task_id}", id: "id", input: "none", row: true },
    createTask: { method: "POST", path: "/api/v1/tasks/", input: "body", row: true },
    createTasks: { method: "POST", path: "/api/v1/tasks/import", input: "ndjson" },
    streamTasks: {
      method: "GET",
      path: "/api/v1/tasks/stream",
      input: "query",
      query: taskStreamParameters,
      output: "ndjson",
    },
    updateTasks: { method: "POST", path: "/api/v1/tasks/bulk-update", input: "body" },
    updateTask: { method: "PATCH", path: "/api/v1/tasks/{task_id}", id: "id", input: "body", row: true },
    deleteTask: { method: "DELETE", path: "/api/v1/tasks/{task_id}", id: "id", input: "none", row: true },
    getTasksByTimerange: {
      method: "GET",
      path: "/api/v1/tasks/by-timerange",
      input: "query",
      query: taskTimerangeParameters,
    },
    bulkUpdateState: { method: "POST", path: "/api/v1/tasks/bulk-update-state", input: "body" },
    linkCalendarEvent: {
      method: "PATCH",
      path: "/api/v1/tasks/{task_id}/calendar-event",
      id: "id",
      input: "body",
      row: true,
    },
    getTaskStatistics: {
      method: "GET",
      path: "/api/v1/tasks/statistics",
      input: "query",
      query: taskStatisticsParameters,
    },
  },
  conversations: {
    listConversations: {
      method: "GET",
      path: "/api/v1/conversations/",
      input: "query",
      query: conversationListParameters,
    },
    getConversation: { method: "GET", path: "/api/v1/conversations/{id}", id: "id", input: "none", row: true },
    createConversation: { method: "POST", path: "/api/v1/conversations/", input: "body", row: true },
    updateConversation: { method: "PATCH", path: "/api/v1/conversations/{id}", id: "id", input: "body", row: true },
    appendMessages: { method: "POST", path: "/api/v1/conversations/{id}/messages", id: "id", input: "body" },
  },
  demoFlags: {
    getDemoFlags: { method: "GET", path: "/api/v1/demo-flags/{user_id}", id: "userId", input: "none", row: true },
    putDemoFlags: { method: "PUT", path: "/api/v1/demo-flags/{user_id}", id: "userId", input: "body", row: true },
  },
} as const satisfies OperationTable;
