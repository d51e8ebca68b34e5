import { dtoRegistry } from "@flux/dao-core/contract";
import type { z } from "zod";
import { type JsonSchema, toJsonSchemas } from "../api/json-schemas.ts";
import type { Route } from "../api/route.ts";
import { toSnakeCase } from "../wire/field-names.ts";
import { encode } from "../wire/json.ts";

/** The schemas of an operation, as they look on the wire: those of DTOs as references. */
export interface OperationSchemas {
  readonly query: JsonSchema | undefined;
  readonly body: JsonSchema | undefined;
  readonly output: JsonSchema | undefined;
}

/** The JSON Schemas of the routes: names in snake_case, instants as RFC 3339 text. */
export class WireSchemas {
  readonly #inputs: ReadonlyMap<string, JsonSchema>;
  readonly #outputs: ReadonlyMap<string, JsonSchema>;
  readonly #used = { input: new Set<string>(), output: new Set<string>() };

  constructor(routes: Readonly<Record<string, Route>>) {
    const unnamed = (schemaOf: (route: Route) => z.ZodType | undefined) =>
      new Map(
        Object.entries(routes).flatMap(([name, route]): [string, z.ZodType][] => {
          const schema = schemaOf(route);
          return schema === undefined || idOf(schema) !== undefined ? [] : [[name, schema]];
        }),
      );
    this.#inputs = toJsonSchemas(
      unnamed(({ query, body, bodyLines }) => query ?? body ?? bodyLines),
      "input",
    );
    this.#outputs = toJsonSchemas(
      unnamed(({ output, outputLines }) => output ?? outputLines),
      "output",
    );
  }

  of(name: string, { query, body, bodyLines, output, outputLines }: Route): OperationSchemas {
    return {
      query: query && this.#schemaOf(name, query, "input"),
      body: this.#schemaOf(name, body ?? bodyLines, "input"),
      output: this.#schemaOf(name, output ?? outputLines, "output"),
    };
  }

  /** The DTOs that the operations asked for so far refer to, directly or through others. */
  components(): Record<string, JsonSchema> {
    const named = (schemas: ReadonlyMap<string, JsonSchema>, used: ReadonlySet<string>) =>
      [...schemas].filter(([id]) => used.has(id)).map(([id, schema]) => [id, toWire(schema)]);
    return Object.fromEntries([...named(this.#inputs, this.#used.input), ...named(this.#outputs, this.#used.output)]);
  }

  #schemaOf(name: string, schema: z.ZodType | undefined, io: "input" | "output"): JsonSchema | undefined {
    if (schema === undefined) return undefined;
    const id = idOf(schema);
    const found: JsonSchema | undefined = id === undefined ? this.#schemas(io).get(name) : { $ref: id };
    if (found === undefined) return undefined;
    this.#use(found, io);
    return toWire(found);
  }

  #schemas(io: "input" | "output"): ReadonlyMap<string, JsonSchema> {
    return io === "input" ? this.#inputs : this.#outputs;
  }

  #use(schema: JsonSchema, io: "input" | "output"): void {
    for (const [, id = ""] of JSON.stringify(schema).matchAll(/"\$ref":"(\w+)"/g)) {
      if (this.#used[io].has(id)) continue;
      this.#used[io].add(id);
      this.#use(this.#schemas(io).get(id) ?? {}, io);
    }
  }
}

function idOf(schema: z.ZodType): string | undefined {
  return dtoRegistry.get(schema)?.id;
}

const COMPONENTS = "#/components/schemas/";

/** `schema` with the properties' names on the wire, and without the keywords of a schema that is a document of its own. */
function toWire(schema: JsonSchema): JsonSchema {
  const { $schema, $id, id, $ref, properties, required, items, anyOf, allOf, ...rest } = schema;
  const wire: JsonSchema = rest;
  if ($ref !== undefined) wire.$ref = COMPONENTS + $ref;
  if (properties !== undefined) {
    wire.properties = Object.fromEntries(
      Object.entries(properties).map(([name, property]) => [toSnakeCase(name) ?? name, toWireMember(property)]),
    );
    // Later versions may add fields to output, and unknown fields of input are ignored.
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

/** The example of what `schema`, as it looks on the wire, describes: a DTO, a list of one, or a page of one. */
export function exampleOf(schema: JsonSchema): unknown {
  return JSON.parse(encode(exampleValue(schema)));
}

function exampleValue({ $ref, items, properties }: JsonSchema): unknown {
  if ($ref !== undefined) {
    const dto = dtoRegistry._idmap.get($ref.slice(COMPONENTS.length));
    return dto && dtoRegistry.get(dto)?.example;
  }
  if (typeof items === "object" && !Array.isArray(items)) return [exampleValue(items)];
  const rows = properties?.["items"];
  if (typeof rows !== "object")
    throw new TypeError("A body that is neither a DTO, a list nor a page: register its schema.");
  return {
    items: exampleValue(rows),
    total: 1,
    page: 1,
    pageSize: 100,
    hasNext: false,
    hasPrev: false,
    nextCursor: null,
  };
}
