import type { Operation } from "../api/operation.ts";
import { operations } from "../api/operations.gen.ts";
import type { Route } from "../api/route.ts";
import { routes } from "../api/routes.ts";
import { headerParameters, responseHeaders } from "./headers.ts";
import { openApiOperation } from "./operation-object.ts";
import { healthPaths } from "./probes.ts";
import { notModified, problemResponses, problemSchema } from "./problem-responses.ts";
import { WireSchemas } from "./wire-schemas.ts";

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
  const table: Readonly<Record<string, Operation>> = operations;
  const wireSchemas = new WireSchemas(routes);
  const paths: Record<string, Record<string, object>> = {};
  for (const [name, route] of Object.entries<Route>(routes)) {
    const operation = table[name];
    if (operation === undefined) throw new TypeError(`${name} is not in operations.gen.ts. Run: pnpm generate`);
    const method = name.slice(name.indexOf(".") + 1);
    const byMethod: Record<string, object> = paths[route.path] ?? {};
    paths[route.path] = byMethod;
    byMethod[route.method.toLowerCase()] = openApiOperation({
      method,
      operation,
      route,
      schemas: wireSchemas.of(name, route),
    });
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
        ...wireSchemas.components(),
        Problem: problemSchema,
      },
    },
  };
}
