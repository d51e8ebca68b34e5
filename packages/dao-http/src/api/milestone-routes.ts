import {
  milestoneCreateDto,
  milestoneDto,
  milestoneListRequest,
  milestoneUpdateDto,
  pageOf,
} from "@flux/dao-core/contract";
import { listDescription } from "./list-description.ts";
import type { RoutesOf } from "./route.ts";

export const milestoneRoutes = {
  listMilestones: {
    summary: "List milestones",
    description: listDescription,
    status: 200,
    query: milestoneListRequest,
    output: pageOf(milestoneDto),
    errors: [],
  },
  getMilestone: { summary: "Get a milestone", status: 200, output: milestoneDto, errors: ["not_found"] },
  createMilestone: {
    summary: "Create a milestone",
    status: 201,
    body: milestoneCreateDto,
    example: {
      goalId: "0198c5f0-7a3f-7b12-9d4e-1c2b3a495867",
      weekNumber: 1,
      title: "Build base fitness",
      status: "pending",
    },
    output: milestoneDto,
    location: "getMilestone",
    errors: ["related_row_missing"],
  },
  updateMilestone: {
    summary: "Update a milestone",
    description: "A field that is left out is kept. A milestone stays with its goal.",
    status: 200,
    body: milestoneUpdateDto,
    example: { status: "completed" },
    output: milestoneDto,
    errors: ["not_found"],
  },
  deleteMilestone: {
    summary: "Delete a milestone",
    description: "With its tasks.",
    status: 204,
    errors: ["not_found"],
  },
} satisfies RoutesOf<"milestones">;
