import { dtoRegistry } from "@flux/dao-core/contract";
import * as z from "zod";
import type { Route } from "./route.ts";

/** A JSON Schema of draft 2020-12, which is OpenAPI 3.1's own. */
export type JsonSchema = z.core.JSONSchema.JSONSchema;

/** Whether a schema describes input or output: a field with a default may be omitted from input, and is always in output. */
export type Direction = "input" | "output";

/** What a route takes or returns, wherever and in whatever form. */
export function schemaOf(route: Route, io: Direction): z.ZodType | undefined {
  return io === "input" ? (route.query ?? route.body ?? route.bodyLines) : (route.output ?? route.outputLines);
}

/** The name of a DTO; `undefined` for any other schema. */
export function dtoName(schema: z.ZodType): string | undefined {
  return dtoRegistry.get(schema)?.id;
}

/**
 * The JSON Schemas of all DTOs, by name, and of what else the routes take or return, by operation. A DTO within another is a
 * reference.
 * @param edit changes each schema, those within others first
 */
export function toJsonSchemas(
  routes: Readonly<Record<string, Route>>,
  io: Direction,
  { refTo = (name: string) => name, edit = (_: JsonSchema) => {} } = {},
): ReadonlyMap<string, JsonSchema> {
  const registry = z.registry<{ id: string }>();
  for (const [id, schema] of dtoRegistry._idmap) registry.add(schema, { id });
  for (const [name, route] of Object.entries(routes)) {
    const schema = schemaOf(route, io);
    if (schema !== undefined && dtoName(schema) === undefined) registry.add(schema, { id: name });
  }
  const { schemas } = z.toJSONSchema(registry, {
    io,
    unrepresentable: "any",
    uri: refTo,
    override: ({ zodSchema, jsonSchema }) => {
      // The pattern matches lower case only, but either is accepted; the format says it all.
      if (jsonSchema.format === "uuid") delete jsonSchema.pattern;
      // An address may contain any Unicode (RFC 6531), which is what this format's name means.
      if (jsonSchema.format === "email") jsonSchema.format = "idn-email";
      if (zodSchema._zod.def.type === "date") {
        jsonSchema.type = "string";
        jsonSchema.format = "date-time";
      }
      if (io === "output") dropLimits(jsonSchema);
      else addDefault(zodSchema, jsonSchema);
      edit(jsonSchema);
    },
  });
  return new Map(Object.entries(schemas));
}

/** Rows adopted from the Python service are returned as they are, whatever rule they break. */
function dropLimits(schema: JsonSchema): void {
  for (const limit of ["minLength", "maxLength", "minimum", "maximum"] as const) delete schema[limit];
  if (schema.format === "idn-email") delete schema.format;
}

/** The value of an omitted field, also if a transformation sets it. */
function addDefault(type: z.core.$ZodType, schema: JsonSchema): void {
  const { success, data } = z.safeParse(type, undefined);
  if (success && data !== undefined) schema.default = JSON.parse(JSON.stringify(data));
}
