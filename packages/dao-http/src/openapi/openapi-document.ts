import type { z } from "zod";
import { apiRoutes } from "../api/routes.ts";
import { inputComponents, outputComponents } from "./components.ts";
import { type JsonSchema, toWireSchemas } from "./json-schema.ts";
import { healthPaths, type OperationSchemas, openApiOperation } from "./operation-object.ts";
import { notModified, problemResponses, problemSchema } from "./problem-responses.ts";
import { headerParameters } from "./request-headers.ts";
import { responseHeaders } from "./response-headers.ts";

/** The version of the API, which is the guide's. */
const API_VERSION = "1.0.0";

const tags = [
  { name: "users", description: "User profiles with preferences." },
  { name: "goals", description: "User goals with category, timeline and status." },
  { name: "milestones", description: "Weekly milestones within goals." },
  { name: "tasks", description: "Single tasks with their place in time." },
  { name: "conversations", description: "What was said about a goal." },
  { name: "demo-flags", description: "How time runs for a user in a demonstration." },
  { name: "operation", description: "Probes for whoever runs the service. They need no key." },
];

/** The OpenAPI 3.1 document of the REST API, made of the route table and the schemas that requests are checked by. */
export function openApiDocument(): object {
  const inputs = toWireSchemas(new Map([...inputComponents, ...schemasOf("query")]), "input");
  const outputs = toWireSchemas(new Map([...outputComponents, ...schemasOf("output")]), "output");
  const paths: Record<string, Record<string, object>> = {};
  for (const apiRoute of apiRoutes) {
    const { method, path } = apiRoute.operation;
    const schemas: OperationSchemas = {
      query: inputs.get(schemaId("query", apiRoute.name)),
      body: reference(apiRoute.route.body, inputComponents),
      output: reference(apiRoute.route.output, outputComponents) ?? outputs.get(schemaId("output", apiRoute.name)),
    };
    paths[path] ??= {};
    paths[path][method.toLowerCase()] = openApiOperation(apiRoute, schemas);
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Flux DAO Service",
      version: API_VERSION,
      description:
        "Stores and retrieves what the Flux agents (Goal Planner, Scheduler, Observer) work with. It checks the format " +
        "of data and that references exist; business logic belongs to its callers. A path answers any other method than its " +
        "own with 405 (method_not_allowed), and names its own in Allow. If-Match and If-None-Match are refused with 400 " +
        "where they are not among an operation's parameters; Idempotency-Key is heeded by POST, and ignored by all other " +
        "methods, which can be sent twice as they are.",
      license: { name: "MIT", identifier: "MIT" },
    },
    // Relative to where this document is, so that it holds wherever the service is mounted.
    servers: [{ url: ".", description: "This service" }],
    security: [{ serviceKey: [] }],
    tags,
    paths: { ...paths, ...healthPaths },
    components: {
      securitySchemes: {
        serviceKey: {
          type: "apiKey",
          in: "header",
          name: "X-Flux-Service-Key",
          description: "One of the keys in SERVICE_API_KEYS. In development: goal-planner-key-abc.",
        },
      },
      headers: responseHeaders,
      parameters: headerParameters,
      responses: { not_modified: notModified, ...problemResponses },
      schemas: {
        ...named(inputs, inputComponents),
        ...named(outputs, outputComponents),
        Problem: problemSchema,
      },
    },
  };
}

function schemaId(kind: "query" | "output", name: string): string {
  return `${name}.${kind}`;
}

/** The schemas that are no components: of query strings, and of pages and lists. */
function schemasOf(kind: "query" | "output"): [id: string, schema: z.ZodType][] {
  const components = new Set(outputComponents.values());
  return apiRoutes.flatMap(({ name, route }) => {
    const schema = route[kind];
    return schema === undefined || components.has(schema) ? [] : [[schemaId(kind, name), schema]];
  });
}

function reference(schema: z.ZodType | undefined, components: ReadonlyMap<string, z.ZodType>): JsonSchema | undefined {
  for (const [name, component] of components) {
    if (component === schema) return { $ref: `#/components/schemas/${name}` };
  }
  return undefined;
}

function named(
  schemas: ReadonlyMap<string, JsonSchema>,
  components: ReadonlyMap<string, z.ZodType>,
): Record<string, JsonSchema | undefined> {
  return Object.fromEntries([...components.keys()].map((name) => [name, schemas.get(name)]));
}
