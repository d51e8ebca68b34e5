import * as z from "zod";
import { id, instant } from "./scalars.ts";

/** The schemas that have a name in the OpenAPI document, with what they are, and an example of valid input. Default: its fields' examples. */
export const dtoRegistry = z.registry<{ id: string; description: string; example?: z.$input }>();

/** Gives a schema its place in {@link dtoRegistry}. */
export function dto<Schema extends z.ZodType>(
  id: string,
  description: string,
  schema: Schema,
  example?: z.input<Schema>,
): Schema {
  dtoRegistry.add<z.ZodType>(schema, { id, description, ...(example !== undefined && { example }) });
  return schema;
}

/** The ids of the rows in the examples, and when they were created. */
export const examples = {
  user: "0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d6e",
  goal: "0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d6f",
  milestone: "0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d70",
  task: "0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d71",
  conversation: "0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d72",
  createdAt: new Date("2026-02-14T09:30:00.123Z"),
};

/** The example of a registered schema, or of a field of one; `undefined` for any other. */
export function exampleOf<Schema extends z.core.$ZodType>(schema: Schema): z.input<Schema>;
export function exampleOf(schema: z.core.$ZodType): unknown {
  const examples: unknown = z.globalRegistry.get(schema)?.["examples"];
  const ofField: unknown = Array.isArray(examples) ? examples[0] : undefined;
  const example: unknown = dtoRegistry.get(schema)?.example ?? ofField;
  if (example !== undefined) return example;
  if (schema instanceof z.ZodObject) {
    return Object.fromEntries(Object.entries(schema.shape).map(([name, field]) => [name, exampleOf(field)]));
  }
  if (schema instanceof z.ZodPipe) return exampleOf(schema.in);
  const isWrapped =
    schema instanceof z.ZodNullable || schema instanceof z.ZodOptional || schema instanceof z.ZodDefault;
  return isWrapped ? exampleOf(schema.unwrap()) : undefined;
}

/** Says what a field means, and one of its values, to JSON Schema and OpenAPI. The build makes it the field's doc comment, unless that is written. */
export function described<Schema extends z.ZodType>(schema: Schema, description: string, example: unknown): Schema {
  return schema.meta({ description, examples: [example] });
}

/** A list in an input, which may be readonly; with `max`, of 1 to `max` items. */
export function listOf<Item extends z.ZodType>(
  item: Item,
  max?: number,
  wrongNumber?: { error: string },
): z.ZodType<z.output<Item>[], readonly z.input<Item>[]> {
  return max === undefined ? z.array(item) : z.array(item).min(1, wrongNumber).max(max, wrongNumber);
}

export const rowId = (example: string) => described(id(), "The row's id.", example);
export const withUser = { userId: described(id(), "The user to whom this belongs.", examples.user) };
export const withGoal = { goalId: described(id(), "The goal to which this belongs.", examples.goal) };
export const withCreatedAt = { createdAt: described(instant(), "When the row was created.", examples.createdAt) };
