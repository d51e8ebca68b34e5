import { pageOf, userCreateDto, userDto, userListRequest, userUpdateDto } from "@flux/dao-core/contract";
import { listDescription, type RoutesOf } from "./route.ts";

export const userRoutes = {
  "users.listUsers": {
    method: "GET",
    path: "/api/v1/users/",
    summary: "List users",
    description: listDescription,
    query: userListRequest,
    output: pageOf(userDto),
  },
  "users.getUser": {
    method: "GET",
    path: "/api/v1/users/{user_id}",
    row: true,
    summary: "Get a user",
    output: userDto,
    errors: ["not_found"],
  },
  "users.createUser": {
    method: "POST",
    path: "/api/v1/users/",
    row: true,
    summary: "Create a user",
    status: 201,
    body: userCreateDto,
    output: userDto,
    location: "users.getUser",
    errors: ["conflict"],
  },
  "users.updateUser": {
    method: "PATCH",
    path: "/api/v1/users/{user_id}",
    row: true,
    summary: "Update a user",
    description: "An omitted field is kept. Preferences are replaced as a whole.",
    body: userUpdateDto,
    output: userDto,
    errors: ["not_found", "conflict"],
  },
  "users.deleteUser": {
    method: "DELETE",
    path: "/api/v1/users/{user_id}",
    row: true,
    summary: "Delete a user",
    description: "Also deletes all goals, milestones, tasks, conversations and demo flags.",
    errors: ["not_found"],
  },
} satisfies RoutesOf<"users">;
