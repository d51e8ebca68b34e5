import { dtoRegistry } from "@flux/dao-core/contract";
import { type Direction, dtoName, type JsonSchema, schemaOf, toJsonSchemas } from "../api/json-schemas.ts";
import type { Route } from "../api/route.ts";
import { toSnakeCase } from "../wire/field-names.ts";
import { encode } from "../wire/json.ts";

const COMPONENTS = "#/components/schemas/";

const onTheWire = { refTo: (name: string) => COMPONENTS + name, edit: toWireNames };

/** Gives properties their names on the wire. */
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
    this.#all = {
      input: toJsonSchemas(routes, "input", onTheWire),
      output: toJsonSchemas(routes, "output", onTheWire),
    };
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
    return Object.fromEntries([...used("input"), ...used("output")].map(([name, schema]) => [name, withoutId(schema)]));
  }

  #use(schema: JsonSchema, io: Direction): void {
    for (const [, name = ""] of JSON.stringify(schema).matchAll(/"\$ref":"[^"]*\/(\w+)"/g)) {
      if (this.#used[io].has(name)) continue;
      this.#used[io].add(name);
      this.#use(this.#all[io].get(name) ?? {}, io);
    }
  }
}

/** Without the keywords of a schema that is a document of its own. */
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
    return dto && dtoRegistry.get(dto)?.example;
  }
  if (typeof items === "object" && !Array.isArray(items)) return [exampleValue(items)];
  const rows = properties?.["items"];
  if (typeof rows !== "object")
    throw new TypeError("A body that is neither a DTO, a list nor a page: register its schema.");
  const page = { total: 1, page: 1, pageSize: 100, hasNext: false, hasPrev: false, nextCursor: null };
  return { items: exampleValue(rows), ...page };
}
