import * as contract from "@flux/dao-core/contract";
import type { OperationTable } from "./operation.ts";
import { type Route, type RoutesOf, rowRoutes } from "./route.ts";
import { taskRoutes } from "./task-routes.ts";

const user = rowRoutes("user", "user_id", contract.userDto);

const userRoutes = {
  "users.listUsers": user.list(contract.userListRequest),
  "users.getUser": user.get,
  "users.createUser": user.create(contract.userCreateDto, "conflict"),
  "users.updateUser": user.update(
    contract.userUpdateDto,
    "An omitted field is kept. Preferences are replaced as a whole.",
    "conflict",
  ),
  "users.deleteUser": user.delete("Also deletes all goals, milestones, tasks, conversations and demo flags."),
} satisfies RoutesOf<"users">;

const goal = rowRoutes("goal", "goal_id", contract.goalDto);

const goalRoutes = {
  "goals.listGoals": goal.list(contract.goalListRequest),
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
} satisfies RoutesOf<"goals">;

const milestone = rowRoutes("milestone", "milestone_id", contract.milestoneDto);

const milestoneRoutes = {
  "milestones.listMilestones": milestone.list(contract.milestoneListRequest),
  "milestones.getMilestone": milestone.get,
  "milestones.createMilestone": milestone.create(contract.milestoneCreateDto, "related_row_missing"),
  "milestones.updateMilestone": milestone.update(
    contract.milestoneUpdateDto,
    "An omitted field is kept. A milestone keeps its goal.",
  ),
  "milestones.deleteMilestone": milestone.delete("Also deletes its tasks."),
} satisfies RoutesOf<"milestones">;

const conversation = rowRoutes("conversation", "id", contract.conversationDto);

const conversationRoutes = {
  "conversations.listConversations": conversation.list(contract.conversationListRequest),
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
} satisfies RoutesOf<"conversations">;

const demoFlagsRoutes = {
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
} satisfies RoutesOf<"demoFlags">;

/** The REST API (guide, "API Reference"): every operation, by name. `pnpm generate` writes what run time needs of it. */
export const routes: { readonly [Name in keyof OperationTable]: Route } = {
  ...userRoutes,
  ...goalRoutes,
  ...milestoneRoutes,
  ...taskRoutes,
  ...conversationRoutes,
  ...demoFlagsRoutes,
};
