import {
  goalCreateDto,
  goalDto,
  goalListRequest,
  goalStructureCreateDto,
  goalUpdateDto,
  goalWithRelationsDto,
  pageOf,
} from "@flux/dao-core/contract";
import { listDescription } from "./list-description.ts";
import type { RoutesOf } from "./route.ts";

const userId = "0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d6e";

export const goalRoutes = {
  listGoals: {
    summary: "List goals",
    description: listDescription,
    status: 200,
    query: goalListRequest,
    output: pageOf(goalDto),
    errors: [],
  },
  getGoal: { summary: "Get a goal", status: 200, output: goalDto, errors: ["not_found"] },
  getGoalFull: {
    summary: "Get a goal with its milestones and tasks",
    description: "Milestones by week; tasks by start time, those without one last.",
    status: 200,
    output: goalWithRelationsDto,
    errors: ["not_found"],
  },
  createGoal: {
    summary: "Create a goal",
    status: 201,
    body: goalCreateDto,
    example: { userId, title: "Run a half marathon", category: "health", timeline: "8 weeks", status: "active" },
    output: goalDto,
    location: "getGoal",
    errors: ["related_row_missing"],
  },
  createGoalWithStructure: {
    summary: "Create a goal with its milestones and tasks",
    description: "All of it, or nothing. Answers milestones and tasks as two flat lists, in the order of the request.",
    status: 201,
    body: goalStructureCreateDto,
    example: {
      goal: { userId, title: "Learn Python", category: "education", timeline: "8 weeks", status: "active" },
      milestones: [
        {
          weekNumber: 1,
          title: "Basics",
          status: "pending",
          tasks: [
            {
              title: "Complete tutorial",
              state: "scheduled",
              priority: "standard",
              triggerType: "time",
              isRecurring: false,
            },
          ],
        },
      ],
    },
    output: goalWithRelationsDto,
    location: "getGoal",
    errors: ["related_row_missing"],
  },
  updateGoal: {
    summary: "Update a goal",
    description: "A field that is left out is kept; null clears. A goal stays with its user.",
    status: 200,
    body: goalUpdateDto,
    example: { status: "completed" },
    output: goalDto,
    errors: ["not_found"],
  },
  deleteGoal: {
    summary: "Delete a goal",
    description: "With its milestones, tasks and conversations.",
    status: 204,
    errors: ["not_found"],
  },
} satisfies RoutesOf<"goals">;
