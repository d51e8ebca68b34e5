import { demoFlagsDto, demoFlagsPutDto } from "@flux/dao-core/contract";
import type { RoutesOf } from "./route.ts";

export const demoFlagsRoutes = {
  getDemoFlags: {
    summary: "Get a user's demo flags",
    status: 200,
    output: demoFlagsDto,
    errors: ["not_found"],
  },
  putDemoFlags: {
    summary: "Set a user's demo flags",
    description: "Creates or replaces all of them. A user_id in the body may be left out and must match the path.",
    status: 200,
    body: demoFlagsPutDto,
    example: { virtualNow: new Date("2026-02-15T10:00:00Z"), escalationSpeed: 2 },
    output: demoFlagsDto,
    errors: ["related_row_missing"],
  },
} satisfies RoutesOf<"demoFlags">;
