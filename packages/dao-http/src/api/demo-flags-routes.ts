import { demoFlagsDto, demoFlagsPutDto } from "@flux/dao-core/contract";
import type { RoutesOf } from "./route.ts";

export const demoFlagsRoutes = {
  "demoFlags.getDemoFlags": {
    method: "GET",
    path: "/api/v1/demo-flags/{user_id}",
    id: "userId",
    row: true,
    summary: "Get a user's demo flags",
    output: demoFlagsDto,
    errors: ["not_found"],
  },
  "demoFlags.putDemoFlags": {
    method: "PUT",
    path: "/api/v1/demo-flags/{user_id}",
    id: "userId",
    row: true,
    summary: "Set a user's demo flags",
    description: "Creates or replaces all of them. A user_id in the body is optional, and must match the path.",
    body: demoFlagsPutDto,
    output: demoFlagsDto,
    errors: ["related_row_missing"],
  },
} satisfies RoutesOf<"demoFlags">;
