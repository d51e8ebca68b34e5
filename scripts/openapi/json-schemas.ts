import { dtoRegistry, exampleOf as exampleOfDto } from "@flux/dao-core/contract";
import * as z from "zod";
import { encode, toSnakeCase } from "../../packages/dao-http/src/wire/json.ts";
import type { Route } from "../api/route.ts";

/** A JSON Schema of draft 2020-12, which is OpenAPI 3.1's own. */
export type JsonSchema = z.core.JSONSchema.JSONSchema;

/** Whether a schema describes input or output: a field with a default may be omitted from input, and is always in output. */
export type Direction = "input" | "output";

/** What a route takes or returns, in any form. */
export function schemaOf(route: Route, io: Direction): z.ZodType | undefined {
  return io === "input" ? (route.query ?? route.body ?? route.bodyLines) : (route.output ?? route.outputLines);
}

export function dtoName(schema: z.ZodType): string | undefined {
  return dtoRegistry.get(schema)?.id;
}

/**
 * The JSON Schemas of all DTOs, by name, and of what else the routes take or return, by operation.
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
      // The pattern matches lower case only, but either is accepted; the format is sufficient.
      if (jsonSchema.format === "uuid") delete jsonSchema.pattern;
      // An address may contain any Unicode (RFC 6531), which is what this format's name means.
      if (jsonSchema.format === "email") jsonSchema.format = "idn-email";
      if (zodSchema._zod.def.type === "date") {
        jsonSchema.type = "string";
        jsonSchema.format = "date-time";
      }
      const examples = examplesOf(zodSchema);
      if (examples !== undefined) jsonSchema.examples ??= examples;
      if (io === "output") dropLimits(jsonSchema);
      else addDefault(zodSchema, jsonSchema);
      edit(jsonSchema);
    },
  });
  return new Map(Object.entries(schemas));
}

/** The examples of a schema, or of what it wraps. zod omits those of transformed input; ours are valid input too. */
function examplesOf(schema: z.core.$ZodType): unknown[] | undefined {
  const { examples } = z.globalRegistry.get(schema) ?? {};
  if (Array.isArray(examples)) return examples;
  const { innerType } = Object(schema._zod.def);
  return innerType && examplesOf(innerType);
}

/** The schema without null, and whether null is allowed: zod writes `anyOf`, or two types. */
export function withoutNull(schema: JsonSchema): [schema: JsonSchema, isNullable: boolean] {
  const type: unknown = schema.type;
  if (Array.isArray(type)) return [{ ...schema, type: type.find((one) => one !== "null") }, type.includes("null")];
  const [first, ...rest] = schema.anyOf?.filter((one) => one.type !== "null") ?? [];
  if (first === undefined || rest.length > 0) return [schema, false];
  return [first, true];
}

/** A member of a query: one parameter, a filter by one or several values, or a range. */
export interface QueryMember {
  readonly form: "scalar" | "list" | "range";
  /** Of each value. */
  readonly value: JsonSchema;
  /** Of the list. */
  readonly list: JsonSchema;
  readonly isNullable: boolean;
}

export function queryMemberOf(nullable: JsonSchema): QueryMember {
  const [schema, isNullable] = withoutNull(nullable);
  const list = schema.anyOf?.find(({ type }) => type === "array") ?? {};
  if (schema.anyOf !== undefined) return { form: "list", value: Object(list.items), list, isNullable };
  const from = schema.properties?.["from"];
  if (from === undefined) return { form: "scalar", value: schema, list, isNullable };
  return { form: "range", value: Object(from), list, isNullable };
}

/** Rows adopted from the Python service are returned even if they break rules. */
function dropLimits(schema: JsonSchema): void {
  for (const limit of ["minLength", "maxLength", "minimum", "maximum"] as const) delete schema[limit];
  if (schema.format === "idn-email") delete schema.format;
}

/** The value of an omitted field, also if a transformation sets it. */
function addDefault(type: z.core.$ZodType, schema: JsonSchema): void {
  const { success, data } = z.safeParse(type, undefined);
  if (success && data !== undefined) schema.default = JSON.parse(JSON.stringify(data));
}

const COMPONENTS = "#/components/schemas/";

const onTheWire = { refTo: (name: string) => COMPONENTS + name, edit: toWireNames };

/** Tells each field within `schema` what it means if it is null or omitted too, and gives its examples the wire's form. */
function describe(schema: JsonSchema): JsonSchema {
  for (const [key, member] of Object.entries(schema)) {
    if (typeof member === "object" && member !== null && key !== "examples") describe(Object(member));
  }
  const [present, isNullable] = withoutNull(schema);
  if (isNullable && schema.anyOf !== undefined) {
    schema.description ??= present.description ?? "";
    delete present.description;
    delete present.examples;
  }
  if (schema.examples !== undefined) schema.examples = JSON.parse(encode(schema.examples));
  if (schema.default === undefined) return schema;
  // Not as the keyword, for which some generators of clients require the field.
  const value = typeof schema.default === "string" ? schema.default : JSON.stringify(schema.default);
  schema.description += ` Default: ${value}.`;
  delete schema.default;
  return schema;
}

function toWireNames(schema: JsonSchema): void {
  const { properties, required } = schema;
  const wireName = (name: string) => toSnakeCase(name) ?? name;
  if (properties === undefined) return;
  schema.properties = Object.fromEntries(
    Object.entries(properties).map(([name, property]) => [wireName(name), property]),
  );
  if (required !== undefined) schema.required = required.map(wireName);
  // Later versions may add fields to output, and unknown fields of input are ignored.
  delete schema.additionalProperties;
}

/** The JSON Schemas of the routes: names in snake_case, instants as RFC 3339 text. */
export class WireSchemas {
  readonly #all: Readonly<Record<Direction, ReadonlyMap<string, JsonSchema>>>;
  readonly #used = { input: new Set<string>(), output: new Set<string>() };

  constructor(routes: Readonly<Record<string, Route>>) {
    const all = (io: Direction) => {
      const schemas = toJsonSchemas(routes, io, onTheWire);
      return new Map([...schemas].map(([name, schema]) => [name, describe(schema)]));
    };
    this.#all = { input: all("input"), output: all("output") };
  }

  /** What an operation takes or returns, with references to DTOs. */
  of(operation: string, route: Route, io: Direction): JsonSchema | undefined {
    const schema = schemaOf(route, io);
    if (schema === undefined) return undefined;
    const dto = dtoName(schema);
    const found = dto === undefined ? withoutId(this.#all[io].get(operation)) : { $ref: COMPONENTS + dto };
    this.#use(found, io);
    return found;
  }

  /** The DTOs that the operations asked for so far refer to, directly or through others. */
  components(): Record<string, JsonSchema> {
    const used = (io: Direction) => [...this.#all[io]].filter(([name]) => this.#used[io].has(name));
    return Object.fromEntries(
      [...used("input"), ...used("output")].map(([name, schema]) => [name, { ...wordsOf(name), ...withoutId(schema) }]),
    );
  }

  #use(schema: JsonSchema, io: Direction): void {
    for (const [, name = ""] of JSON.stringify(schema).matchAll(/"\$ref":"[^"]*\/(\w+)"/g)) {
      if (this.#used[io].has(name)) continue;
      this.#used[io].add(name);
      this.#use(this.#all[io].get(name) ?? {}, io);
    }
  }
}

function wordsOf(dto: string): JsonSchema {
  const schema = dtoRegistry._idmap.get(dto) ?? z.never();
  const { description = "" } = dtoRegistry.get(schema) ?? {};
  return { description, examples: [JSON.parse(encode(exampleOfDto(schema)))] };
}

/** Without the keywords of a separate schema document. */
function withoutId({ $schema, $id, ...schema }: JsonSchema = {}): JsonSchema {
  return schema;
}

/** The example of what `schema`, as it looks on the wire, describes: a DTO, a list of one, or a page of one. */
export function exampleOf(schema: JsonSchema): unknown {
  return JSON.parse(encode(exampleValue(schema)));
}

function exampleValue({ $ref, items, properties }: JsonSchema): unknown {
  if ($ref !== undefined) {
    const dto = dtoRegistry._idmap.get($ref.slice(COMPONENTS.length));
    return dto && exampleOfDto(dto);
  }
  if (typeof items === "object" && !Array.isArray(items)) return [exampleValue(items)];
  const rows = properties?.["items"];
  if (typeof rows !== "object")
    throw new TypeError("A body that is neither a DTO, a list nor a page: register its schema.");
  const page = { total: 1, page: 1, pageSize: 100, hasNext: false, hasPrev: false, nextCursor: null };
  return { items: exampleValue(rows), ...page };
}
