/**
 * Writes from the routes of `packages/dao-http/src/api/` what is needed of them at run time, without zod: `operations.gen.ts`,
 * and the kinds of fields that the wire format treats differently, `wire/field-kinds.gen.ts`. With `--check` it writes
 * nothing, and exits with 1 when a file is not what it would write.
 */
import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { dtoRegistry } from "@flux/dao-core/contract";
import type { z } from "zod";
import { type JsonSchema, toJsonSchemas } from "../packages/dao-http/src/api/json-schemas.ts";
import type { Route } from "../packages/dao-http/src/api/route.ts";
import { routes } from "../packages/dao-http/src/api/routes.ts";

const source = new URL("../packages/dao-http/src/", import.meta.url);
const table = Object.entries<Route>(routes);

const idOf = (schema: z.ZodType | undefined) => schema && dtoRegistry.get(schema)?.id;

/** The schemas that `pick` finds in the routes, by operation; DTOs are there by their own names. */
function schemasOf(pick: (route: Route) => z.ZodType | undefined, io: "input" | "output") {
  const unnamed = table.flatMap(([name, route]): [string, z.ZodType][] => {
    const schema = pick(route);
    return schema === undefined || idOf(schema) !== undefined ? [] : [[name, schema]];
  });
  return toJsonSchemas(new Map(unnamed), io);
}

const queries = schemasOf(({ query }) => query, "input");
const bodies = schemasOf(({ body, bodyLines }) => body ?? bodyLines, "input");
const outputs = schemasOf(({ output, outputLines }) => output ?? outputLines, "output");

/** What `schema` is besides null, and whether it may be null: zod writes `anyOf`, or two types. */
function withoutNull(schema: JsonSchema): [schema: JsonSchema, isNullable: boolean] {
  const type: unknown = schema.type;
  if (Array.isArray(type)) return [{ ...schema, type: type.find((one) => one !== "null") }, type.includes("null")];
  const [first, ...rest] = schema.anyOf?.filter((one) => one.type !== "null") ?? [];
  if (first === undefined || rest.length > 0) return [schema, false];
  return [first, true];
}

const membersOf = ({ properties }: JsonSchema): [string, JsonSchema][] =>
  Object.entries(properties ?? {}).map(([name, member]) => [name, Object(member)]);

const isJson = ({ type, properties, items }: JsonSchema) =>
  (type === "object" && properties === undefined) || (type === "array" && Object.keys(Object(items)).length === 0);

/** The text of a schema's `Shape`. */
function shapeText(nullable: JsonSchema): string {
  const [schema, isNullable] = withoutNull(nullable);
  const shape = presentShapeText(schema);
  if (!isNullable) return shape;
  return shape.startsWith('"') ? `${shape.slice(0, -1)} or null"` : `[${shape}, null]`;
}

function presentShapeText(schema: JsonSchema): string {
  if (schema.$ref !== undefined) return schema.$ref;
  if (isJson(schema)) return '"json"';
  switch (schema.type) {
    case "object":
      return `{ ${membersOf(schema)
        .map(([name, member]) => `${name}: ${shapeText(member)}`)
        .join(", ")} }`;
    case "array":
      return `[${shapeText(Object(schema.items))}]`;
    case "integer":
    case "number":
      return '"number"';
    case "boolean":
      return '"boolean"';
    case "string":
      return schema.format === "date-time" ? '"instant"' : '"string"';
    default:
      throw new TypeError(`No shape is known for ${JSON.stringify(schema)}.`);
  }
}

function parameterKind(schema: JsonSchema): string {
  const shape = presentShapeText(schema);
  if (shape === '"string"') return '"text"';
  if (shape === '"number"' || shape === '"boolean"' || shape === '"instant"') return shape;
  throw new TypeError(`No query parameter can hold ${JSON.stringify(schema)}.`);
}

function operationText(name: string, route: Route): string {
  const { method, path, id, query, body, bodyLines, output, outputLines, row, location } = route;
  const input = query ? "query" : body ? "body" : bodyLines ? "ndjson" : "none";
  const result = output ?? outputLines;
  const status = route.status ?? (result === undefined ? 204 : 200);
  const parameters = membersOf(queries.get(name) ?? {}).map(
    ([parameter, schema]) => `${parameter}: ${parameterKind(schema)}`,
  );
  const members = [
    `method: "${method}"`,
    `path: "${path}"`,
    path.includes("{") && `id: "${id ?? "id"}"`,
    `input: "${input}"`,
    query && `query: { ${parameters.join(", ")} }`,
    `status: ${status}`,
    outputLines && 'output: "ndjson"',
    result && `result: ${idOf(result) ?? shapeText(outputs.get(name) ?? {})}`,
    row && "row: true",
    location && `location: "${routes[location].path}"`,
  ];
  return `  "${name}": { ${members.filter(Boolean).join(", ")} },`;
}

/** The DTOs that results consist of, each after those it refers to. */
function resultDtos(): string[] {
  const texts = new Map<string, string>();
  const visit = (schema: JsonSchema) => {
    for (const [, id = ""] of JSON.stringify(schema).matchAll(/"\$ref":"(\w+)"/g)) {
      const dto = outputs.get(id) ?? {};
      visit(dto);
      texts.set(id, `const ${id} = ${shapeText(dto)} as const;`);
    }
  };
  for (const [name, { output, outputLines }] of table) {
    const id = idOf(output ?? outputLines);
    visit(id === undefined ? (outputs.get(name) ?? {}) : { $ref: id });
  }
  return [...texts.values()];
}

const head = "// Generated by scripts/generate-operations.ts from api/*-routes.ts: run `pnpm generate` to change it.";

function operationsText(): string {
  const keyed = table.filter(([, { method, bodyLines }]) => method === "POST" && bodyLines === undefined);
  return [
    head,
    'import type { OperationTable } from "./operation.ts";',
    "",
    ...resultDtos(),
    "",
    "/** Every operation of the REST API, by name. */",
    "export const operations: OperationTable = {",
    ...table.map(([name, route]) => operationText(name, route)),
    "};",
    "",
    "/** The operations whose requests may carry an idempotency key. */",
    "export type KeyedOperation =",
    `${keyed.map(([name]) => `  | "${name}"`).join("\n")};`,
    "",
  ].join("\n");
}

/** A field has one kind, whichever DTO it is in: names alone decide how a body is read and written. */
function fieldKindsText(): string {
  const kinds = new Map<string, string>();
  const visit = (schemas: ReadonlyMap<string, JsonSchema>, nullable: JsonSchema): void => {
    const [schema] = withoutNull(nullable);
    if (schema.$ref !== undefined) visit(schemas, schemas.get(schema.$ref) ?? {});
    if (schema.type === "array") visit(schemas, Object(schema.items));
    for (const [name, member] of membersOf(schema)) {
      const [present] = withoutNull(member);
      const kind = isJson(present) ? "json" : present.format === "date-time" ? "instant" : "plain";
      if ((kinds.get(name) ?? kind) !== kind) throw new TypeError(`The field ${name} is of two kinds.`);
      kinds.set(name, kind);
      if (kind === "plain") visit(schemas, member);
    }
  };
  for (const [name, { body, bodyLines, output, outputLines }] of table) {
    const [input, result] = [body ?? bodyLines, output ?? outputLines];
    if (input !== undefined) visit(bodies, { $ref: idOf(input) ?? name });
    if (result !== undefined) visit(outputs, { $ref: idOf(result) ?? name });
  }
  return [
    head,
    "",
    "/** What a field of a body holds, by its name: an instant, JSON of the caller's own, or anything else. */",
    'export const fieldKinds: Readonly<Record<string, "instant" | "json" | "plain">> = {',
    ...[...kinds].map(([name, kind]) => `  ${name}: "${kind}",`),
    "};",
    "",
  ].join("\n");
}

const generated = { "api/operations.gen.ts": operationsText(), "wire/field-kinds.gen.ts": fieldKindsText() };
for (const [name, text] of Object.entries(generated)) {
  const file = new URL(name, source);
  if (!process.argv.includes("--check")) await writeFile(file, text);
  else if ((await readFile(file, "utf8").catch(() => "")) !== text) {
    process.stderr.write(`${fileURLToPath(file)} is not made from the routes as they are. Run: pnpm generate\n`);
    process.exitCode = 1;
  }
}
