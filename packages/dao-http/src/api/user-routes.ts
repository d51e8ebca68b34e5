import { pageOf, userCreateDto, userDto, userListRequest, userUpdateDto } from "@flux/dao-core/contract";
import { listDescription } from "./list-description.ts";
import type { RoutesOf } from "./route.ts";

export const userRoutes = {
  listUsers: {
    summary: "List users",
    description: listDescription,
    status: 200,
    query: userListRequest,
    output: pageOf(userDto),
    errors: [],
  },
  getUser: { summary: "Get a user", status: 200, output: userDto, errors: ["not_found"] },
  createUser: {
    summary: "Create a user",
    status: 201,
    body: userCreateDto,
    example: {
      name: "Jane Doe",
      email: "jane@example.com",
      preferences: { timezone: "America/New_York" },
      demoMode: false,
    },
    output: userDto,
    location: "getUser",
    errors: ["conflict"],
  },
  updateUser: {
    summary: "Update a user",
    description: "A field that is left out is kept. Preferences are replaced as a whole.",
    status: 200,
    body: userUpdateDto,
    example: { preferences: { timezone: "Europe/Berlin" } },
    output: userDto,
    errors: ["not_found", "conflict"],
  },
  deleteUser: {
    summary: "Delete a user",
    description: "With all goals, milestones, tasks, conversations and demo flags.",
    status: 204,
    errors: ["not_found"],
  },
} satisfies RoutesOf<"users">;
