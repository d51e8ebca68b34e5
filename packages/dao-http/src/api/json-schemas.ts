import { dtoRegistry } from "@flux/dao-core/contract";
import * as z from "zod";

/** A JSON Schema of draft 2020-12, which is OpenAPI 3.1's own. */
export type JsonSchema = z.core.JSONSchema.JSONSchema;

/**
 * The JSON Schemas of all DTOs and of `others`, by name, with the fields' names in TypeScript. A DTO within another is a
 * reference to its name.
 *
 * @param io whether they describe input or output: a field with a default may be omitted from input, and is always in output
 */
export function toJsonSchemas(
  others: ReadonlyMap<string, z.ZodType>,
  io: "input" | "output",
): ReadonlyMap<string, JsonSchema> {
  const registry = z.registry<{ id: string }>();
  for (const [id, schema] of dtoRegistry._idmap) registry.add(schema, { id });
  for (const [id, schema] of others) registry.add(schema, { id });
  const { schemas } = z.toJSONSchema(registry, {
    io,
    unrepresentable: "any",
    uri: (id) => id,
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
  if (!success || data === undefined) return;
  schema.default = JSON.parse(JSON.stringify(data));
}
