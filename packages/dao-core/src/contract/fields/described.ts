import type * as z from "zod";
import { exampleCreatedAt, exampleIds } from "../dto-registry.ts";
import { id, instant } from "./scalars.ts";

/** Says what a field means, and one of its values, to JSON Schema and OpenAPI. Its doc comment says so in TypeScript. */
export function described<Schema extends z.ZodType>(schema: Schema, description: string, example: unknown): Schema {
  return schema.meta({ description, examples: [example] });
}

export const withId = {
  /** The row's id. */
  id: described(id(), "The row's id.", exampleIds.task),
};

export const withUser = {
  /** The user to whom this belongs. */
  userId: described(id(), "The user to whom this belongs.", exampleIds.user),
};

export const withGoal = {
  /** The goal to which this belongs. */
  goalId: described(id(), "The goal to which this belongs.", exampleIds.goal),
};

export const withCreatedAt = {
  /** When the row was created. */
  createdAt: described(instant(), "When the row was created.", exampleCreatedAt),
};
