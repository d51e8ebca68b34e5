import { examples } from "../../packages/dao-core/src/contract/fields/described.ts";
import type { Operation } from "../../packages/dao-http/src/api/operation.ts";
import { operations } from "../../packages/dao-http/src/api/operations.gen.ts";
import type { ProblemCode } from "../../packages/dao-http/src/http/problem.ts";
import type { Route } from "../api/route.ts";
import { routes } from "../api/routes.ts";
import {
  headerParameters,
  headerParametersOf,
  problemSchema,
  requestIdHeader,
  responseHeaders,
  responses,
  responsesOf,
  successHeaders,
} from "./components.ts";
import { exampleOf, type JsonSchema, queryMemberOf, WireSchemas } from "./json-schemas.ts";

/** The version of the API, which is the guide's. */
const API_VERSION = "1.0.0";

const tags = [
  { name: "users", description: "User profiles with preferences." },
  { name: "goals", description: "User goals with category, timeline and status." },
  { name: "milestones", description: "Weekly milestones within goals." },
  { name: "tasks", description: "Single tasks, optionally scheduled." },
  { name: "conversations", description: "What was said about a goal." },
  { name: "demo-flags", description: "How time passes for a user in a demonstration." },
  { name: "changes", description: "What was created, updated and deleted, in order." },
  { name: "batch", description: "Several operations as one." },
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
    const method = route.method.toLowerCase();
    paths[route.path] = { ...paths[route.path], [method]: operationObject(name, route, operation, wireSchemas) };
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
        "sent twice without it. The version is the API's; /health tells the service's.",
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
      responses,
      schemas: { ...wireSchemas.components(), Problem: problemSchema },
    },
  };
}

const notReady = "The database cannot be reached. Check that it runs, then try again.";

/** The probes, which are not operations of a service. */
const probes = {
  "/health": probe("getHealth", "Whether the process runs", {
    200: statusResponse("It runs.", { status: "ok", version: "0.1.0" }),
  }),
  "/ready": probe("getReadiness", "Whether requests should be sent here", {
    200: statusResponse("The database is available, and has the schema that this version needs.", { status: "ready" }),
    503: statusResponse("Not now; detail says why.", {
      status: "not_ready",
      detail: notReady,
    }),
  }),
};

function probe(operationId: string, summary: string, responses: object): object {
  return { get: { operationId, summary, tags: ["operation"], security: [], responses } };
}

function statusResponse(description: string, example: object): object {
  const text = (description: string, example: string) => ({ type: "string", description, examples: [example] });
  const schema = {
    type: "object",
    properties: {
      status: text("ok, ready or not_ready.", "ready"),
      version: text("The version of the service, not of its API.", "0.1.0"),
      detail: text("Why it is not ready.", notReady),
      schemas_not_ready: {
        type: "array",
        items: { type: "string" },
        description: "Schemas of the database that do not fit this version; requests for the others are served.",
        examples: [["tenant_b"]],
      },
      standby_not_ready: text("Why reads go to the primary, not to the standby.", notReady),
    },
    required: ["status"],
  };
  return { description, headers: requestIdHeader, content: { "application/json": { schema, example } } };
}

/** The problems of every operation. */
const everywhere: readonly ProblemCode[] = [
  "validation_failed",
  "invalid_service_key",
  "request_timeout",
  "headers_too_large",
  "internal_error",
  "unavailable",
];

function operationObject(name: string, route: Route, operation: Operation, schemas: WireSchemas): object {
  const { path, status } = operation;
  const input = schemas.of(name, route, "input");
  const output = schemas.of(name, route, "output");
  const isQuery = operation.input === "query";
  return {
    operationId: name.slice(name.indexOf(".") + 1),
    summary: route.summary,
    ...(route.description !== undefined && { description: route.description }),
    tags: [path.split("/")[3]],
    parameters: [...pathParameters(path), ...(isQuery ? queryParameters(input) : []), ...headerParametersOf(operation)],
    ...(input !== undefined &&
      !isQuery && { requestBody: { required: true, content: contentOf(operation.input, input) } }),
    responses: {
      [status]: {
        description: status === 204 ? "Done." : route.summary,
        headers: successHeaders(operation),
        ...(output !== undefined && { content: contentOf(operation.output, output, [cursorLine]) }),
      },
      ...(operation.preconditions === "read" && { 304: { $ref: "#/components/responses/not_modified" } }),
      ...responsesOf(problemsOf(route, operation), route),
    },
  };
}

/** With `cursors` there are such lines between the rows. */
const cursorLine: JsonSchema = {
  type: "object",
  properties: {
    next_cursor: {
      type: ["string", "null"],
      description: "Where the stream can be resumed; null after the last row.",
      examples: [null],
    },
  },
  required: ["next_cursor"],
  additionalProperties: false,
};

/** The content of a body. OpenAPI 3.1 has no schema for lines, so that of NDJSON is in the `contentSchema` of text. */
function contentOf(form: string | undefined, schema: JsonSchema, otherLines: JsonSchema[] = []): object {
  const example = exampleOf(schema);
  if (form !== "ndjson") return { "application/json": { schema, example } };
  const lines: JsonSchema = {
    type: "string",
    description:
      "One JSON text per line. A line ends with LF or CRLF, optional after the last; blank lines are skipped. contentSchema " +
      "describes each line.",
    contentMediaType: "application/json",
    contentSchema: otherLines.length === 0 ? schema : { anyOf: [schema, ...otherLines] },
  };
  return { "application/x-ndjson": { schema: lines, example: `${JSON.stringify(example)}\n` } };
}

/** Any write can lose a race with others (contract, "Errors"). */
function problemsOf(route: Route, operation: Operation): ProblemCode[] {
  const hasBody = operation.input === "body" || operation.input === "ndjson";
  return [
    ...everywhere,
    ...(hasBody ? (["payload_too_large", "unsupported_media_type"] as const) : []),
    ...(operation.method === "GET" ? [] : (["conflict"] as const)),
    ...(route.errors ?? []),
    ...(operation.preconditions === undefined ? [] : (["version_mismatch"] as const)),
    ...(operation.keyed ? (["idempotency_key_reused"] as const) : []),
  ];
}

function pathParameters(path: string): object[] {
  const name = /\{(\w+)\}/.exec(path)?.[1];
  if (name === undefined) return [];
  const kind = Object.entries(examples).find(([kind]) => path.startsWith(`/api/v1/${kind}s/`));
  const [noun, example] = name === "user_id" || kind === undefined ? ["user", examples.user] : kind;
  const schema = { type: "string", format: "uuid", examples: [example] };
  return [{ name, in: "path", required: true, description: `The ${noun}'s id.`, schema }];
}

function queryParameters(query: JsonSchema | undefined): object[] {
  const nullable: string[] = [];
  const parameters = Object.entries(query?.properties ?? {}).flatMap(([name, property]) => {
    const { form, value, list, isNullable } = queryMemberOf(Object(property));
    if (isNullable) nullable.push(name);
    const { description, examples = [], ...items } = value;
    if (form === "list") {
      const words = { description: `A filter: any of the values. ${description}`, examples: [examples] };
      return [parameter(name, { ...list, items, ...words })];
    }
    if (form === "scalar") {
      const isRequired = query?.required?.includes(name) ?? false;
      if (name !== "sort") return [parameter(name, value, isRequired)];
      return [
        parameter(name, { ...value, enum: value.enum?.map(toWireSort) ?? [], examples: examples.map(toWireSort) }),
      ];
    }
    return [
      parameter(`${name}_from`, { ...value, description: `A filter: from this on. ${description}` }),
      parameter(`${name}_before`, {
        ...value,
        description: `A filter: before this, which is not included. ${description}`,
      }),
    ];
  });
  if (nullable.length === 0) return parameters;
  const fields: JsonSchema = {
    type: "array",
    items: { type: "string", enum: nullable },
    examples: [nullable.slice(0, 1)],
  };
  return [...parameters, parameter("is_null", { ...fields, description: "A filter: these fields have no value." })];
}

function parameter(name: string, { description, ...schema }: JsonSchema, required = false): object {
  return { name, in: "query", required, ...(description !== undefined && { description }), schema };
}

/** `-startTime` → `-start_time` */
const toWireSort = (sort: unknown): string => String(sort).replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
