import * as z from "zod";
import { toSnakeCase } from "../wire/field-names.ts";

/** A JSON Schema of draft 2020-12, which is OpenAPI 3.1's own. */
export type JsonSchema = z.core.JSONSchema.JSONSchema;

/**
 * The JSON Schemas of `schemas` as they look on the wire, by name: names in snake_case, instants as RFC 3339 text. A
 * schema that is part of another is referred to under `#/components/schemas/`.
 *
 * @param io whether what is sent or what is answered is meant: fields with a default may be left out of the one, and
 *   are always in the other
 */
export function toWireSchemas(
  schemas: ReadonlyMap<string, z.ZodType>,
  io: "input" | "output",
): ReadonlyMap<string, JsonSchema> {
  const registry = z.registry<{ id?: string }>();
  for (const [id, schema] of schemas) registry.add(schema, { id });
  const result = z.toJSONSchema(registry, {
    io,
    unrepresentable: "any",
    uri: (id) => `#/components/schemas/${id}`,
    override: ({ zodSchema, jsonSchema }) => {
      // The pattern knows lower case only, but either is accepted; the format says it all.
      if (jsonSchema.format === "uuid") delete jsonSchema.pattern;
      // An address may have any Unicode (RFC 6531), which is what this format's name means.
      if (jsonSchema.format === "email") jsonSchema.format = "idn-email";
      if (zodSchema._zod.def.type === "date") {
        jsonSchema.type = "string";
        jsonSchema.format = "date-time";
      }
      if (io === "output") dropLimits(jsonSchema);
      else addDefault(zodSchema, jsonSchema);
    },
  });
  return new Map(Object.entries(result.schemas).map(([id, schema]) => [id, toWire(schema)]));
}

/** Rows adopted from the Python service are returned unchanged, even if they violate a rule. */
function dropLimits(schema: JsonSchema): void {
  for (const limit of ["minLength", "maxLength", "minimum", "maximum"] as const) delete schema[limit];
  if (schema.format === "idn-email") delete schema.format;
}

/** What a field that is left out becomes, also where a transformation says so. */
function addDefault(type: z.core.$ZodType, schema: JsonSchema): void {
  const { success, data } = z.safeParse(type, undefined);
  if (!success || data === undefined) return;
  schema.default = JSON.parse(JSON.stringify(data));
}

/** `schema` with its properties under their wire names, and without what only a document of its own needs. */
function toWire(schema: JsonSchema): JsonSchema {
  const { $schema, $id, id, properties, required, items, anyOf, allOf, ...rest } = schema;
  const wire: JsonSchema = rest;
  if (properties !== undefined) {
    wire.properties = Object.fromEntries(
      Object.entries(properties).map(([name, property]) => [toSnakeCase(name) ?? name, toWireMember(property)]),
    );
    // Fields may be added to what is answered, and unknown ones that are sent are ignored.
    delete wire.additionalProperties;
  }
  if (required !== undefined) wire.required = required.map((name) => toSnakeCase(name) ?? name);
  if (items !== undefined) wire.items = Array.isArray(items) ? items : toWireMember(items);
  if (anyOf !== undefined) wire.anyOf = anyOf.map(toWire);
  if (allOf !== undefined) wire.allOf = allOf.map(toWire);
  return wire;
}

function toWireMember(member: z.core.JSONSchema._JSONSchema): JsonSchema | boolean {
  return typeof member === "boolean" ? member : toWire(member);
}
