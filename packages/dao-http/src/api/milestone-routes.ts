import {
  milestoneCreateDto,
  milestoneDto,
  milestoneListRequest,
  milestoneUpdateDto,
  pageOf,
} from "@flux/dao-core/contract";
import { listDescription, type RoutesOf } from "./route.ts";

export const milestoneRoutes = {
  "milestones.listMilestones": {
    method: "GET",
    path: "/api/v1/milestones/",
    summary: "List milestones",
    description: listDescription,
    query: milestoneListRequest,
    output: pageOf(milestoneDto),
  },
  "milestones.getMilestone": {
    method: "GET",
    path: "/api/v1/milestones/{milestone_id}",
    row: true,
    summary: "Get a milestone",
    output: milestoneDto,
    errors: ["not_found"],
  },
  "milestones.createMilestone": {
    method: "POST",
    path: "/api/v1/milestones/",
    row: true,
    summary: "Create a milestone",
    status: 201,
    body: milestoneCreateDto,
    output: milestoneDto,
    location: "milestones.getMilestone",
    errors: ["related_row_missing"],
  },
  "milestones.updateMilestone": {
    method: "PATCH",
    path: "/api/v1/milestones/{milestone_id}",
    row: true,
    summary: "Update a milestone",
    description: "An omitted field is kept. A milestone keeps its goal.",
    body: milestoneUpdateDto,
    output: milestoneDto,
    errors: ["not_found"],
  },
  "milestones.deleteMilestone": {
    method: "DELETE",
    path: "/api/v1/milestones/{milestone_id}",
    row: true,
    summary: "Delete a milestone",
    description: "Also deletes its tasks.",
    errors: ["not_found"],
  },
} satisfies RoutesOf<"milestones">;
