import type { Operation } from "../api/operation.ts";
import { operations } from "../api/operations.gen.ts";
import type { Route } from "../api/route.ts";
import { routes } from "../api/routes.ts";
import { headerParameters, requestIdHeader, responseHeaders } from "./headers.ts";
import { WireSchemas } from "./json-schemas.ts";
import { openApiOperation } from "./operation-object.ts";
import { notModified, problemResponses, problemSchema } from "./problem-responses.ts";

/** The version of the API, which is the guide's. */
const API_VERSION = "1.0.0";

const tags = [
  { name: "users", description: "User profiles with preferences." },
  { name: "goals", description: "User goals with category, timeline and status." },
  { name: "milestones", description: "Weekly milestones within goals." },
  { name: "tasks", description: "Single tasks, optionally scheduled." },
  { name: "conversations", description: "What was said about a goal." },
  { name: "demo-flags", description: "How time passes for a user in a demonstration." },
  { name: "operation", description: "Probes for operators. They need no key." },
];

/** Creates the OpenAPI 3.1 document of the REST API from its routes and the schemas that validate requests. */
export function openApiDocument(): object {
  const table: Readonly<Record<string, Operation>> = operations;
  const wireSchemas = new WireSchemas(routes);
  const paths: Record<string, Record<string, object>> = {};
  for (const [name, route] of Object.entries<Route>(routes)) {
    const operation = table[name];
    if (operation === undefined) throw new TypeError(`${name} is not in operations.gen.ts. Run: pnpm generate`);
    const method = name.slice(name.indexOf(".") + 1);
    const byMethod: Record<string, object> = paths[route.path] ?? {};
    paths[route.path] = byMethod;
    const [input, output] = [wireSchemas.of(name, route, "input"), wireSchemas.of(name, route, "output")];
    byMethod[route.method.toLowerCase()] = openApiOperation({ method, operation, route, input, output });
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Flux DAO Service",
      version: API_VERSION,
      description:
        "Stores and retrieves the data of the Flux agents (Goal Planner, Scheduler, Observer). It validates the format of data " +
        "and that references exist; business logic belongs to its callers. A path responds to other methods than its own with " +
        "405 (method_not_allowed), and lists its own in Allow. If-Match and If-None-Match are rejected with 400 if they are not " +
        "among an operation's parameters; Idempotency-Key applies to POST, and is ignored by the other methods, which can be " +
        "sent twice without it.",
      license: { name: "MIT", identifier: "MIT" },
    },
    // Relative to this document, so that it is valid wherever the service is mounted.
    servers: [{ url: ".", description: "This service" }],
    security: [{ serviceKey: [] }],
    tags,
    paths: { ...paths, ...probes },
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
        ...wireSchemas.components(),
        Problem: problemSchema,
      },
    },
  };
}

/** The probes, which are not operations of a service. */
const probes = {
  "/health": probe("getHealth", "Whether the process runs", {
    200: statusResponse("It runs.", { status: "ok" }),
  }),
  "/ready": probe("getReadiness", "Whether requests should be sent here", {
    200: statusResponse("The database is available, and has the schema that this version needs.", { status: "ready" }),
    503: statusResponse("Not now; detail says why.", {
      status: "not_ready",
      detail: "The database cannot be reached. Check that it runs, then try again.",
    }),
  }),
};

function probe(operationId: string, summary: string, responses: object): object {
  return { get: { operationId, summary, tags: ["operation"], security: [], responses } };
}

function statusResponse(description: string, example: object): object {
  const text = { type: "string" };
  const schema = { type: "object", properties: { status: text, detail: text }, required: ["status"] };
  return { description, headers: requestIdHeader, content: { "application/json": { schema, example } } };
}
