import { type Operation, preconditionUse, takesIdempotencyKey } from "../api/operation.ts";
import type { ApiRoute } from "../api/routes.ts";
import type { ProblemCode } from "../http/http-error.ts";
import { encode } from "../wire/encode.ts";
import { exampleOf } from "./examples.ts";
import type { JsonSchema } from "./json-schema.ts";
import { responsesOf } from "./problem-responses.ts";
import { headerParametersOf } from "./request-headers.ts";
import { requestIdHeader, successHeaders } from "./response-headers.ts";

/** The schemas of an operation, as they look on the wire. */
export interface OperationSchemas {
  readonly query: JsonSchema | undefined;
  readonly body: JsonSchema | undefined;
  readonly output: JsonSchema | undefined;
}

/** What any operation can answer instead of what it is for. */
const everywhere: readonly ProblemCode[] = [
  "validation_failed",
  "invalid_service_key",
  "request_timeout",
  "headers_too_large",
  "internal_error",
  "unavailable",
];
const withBody: readonly ProblemCode[] = ["payload_too_large", "unsupported_media_type"];
/** A race with other writers can be lost by any of them (contract, "Errors"). */
const ofWriters: readonly ProblemCode[] = ["conflict"];
const withPreconditions: readonly ProblemCode[] = ["version_mismatch"];
const withKey: readonly ProblemCode[] = ["idempotency_key_reused"];

/** An operation as OpenAPI describes it. */
export function openApiOperation(apiRoute: ApiRoute, schemas: OperationSchemas): object {
  const { name, operation, route } = apiRoute;
  const tag = operation.path.split("/")[3];
  return {
    operationId: name,
    summary: route.summary,
    ...(route.description !== undefined && { description: route.description }),
    tags: [tag],
    parameters: [
      ...pathParameters(operation.path),
      ...queryParameters(schemas.query),
      ...headerParametersOf(operation),
    ],
    ...(schemas.body !== undefined && {
      requestBody: {
        required: true,
        content: contentOf(operation.input, schemas.body, JSON.parse(encode(route.example))),
      },
    }),
    responses: {
      [route.status]: {
        description: route.status === 204 ? "Done." : route.summary,
        headers: successHeaders(apiRoute),
        ...(schemas.output !== undefined && {
          content: contentOf(operation.output, lineOf(operation, schemas.output), exampleOf(schemas.output)),
        }),
      },
      ...(preconditionUse(operation) === "read" && { 304: { $ref: "#/components/responses/not_modified" } }),
      ...responsesOf(problemsOf(apiRoute, schemas)),
    },
  };
}

/** What an answer has, as a whole or on each line: with `cursors` there are lines of another kind between the rows. */
function lineOf({ output }: Operation, row: JsonSchema): JsonSchema {
  return output === "ndjson" ? { anyOf: [row, cursorLine] } : row;
}

const cursorLine: JsonSchema = {
  type: "object",
  properties: { next_cursor: { type: ["string", "null"] } },
  required: ["next_cursor"],
  additionalProperties: false,
};

/** A body: JSON, or one JSON text a line. OpenAPI 3.1 has no schema for a line, so it stands where text says what it holds. */
function contentOf(form: string | undefined, schema: JsonSchema, example: unknown): object {
  if (form !== "ndjson") return { "application/json": { schema, example } };
  const lines: JsonSchema = {
    type: "string",
    description:
      "One JSON text a line. A line ends with LF or CRLF, which the last need not have; blank lines are passed over. " +
      "contentSchema is what each line holds.",
    contentMediaType: "application/json",
    contentSchema: schema,
  };
  return { "application/x-ndjson": { schema: lines, example: `${JSON.stringify(example)}\n` } };
}

function problemsOf({ operation, route }: ApiRoute, schemas: OperationSchemas): ProblemCode[] {
  return [
    ...everywhere,
    ...(schemas.body === undefined ? [] : withBody),
    ...(operation.method === "GET" ? [] : ofWriters),
    ...route.errors,
    ...(preconditionUse(operation) === "none" ? [] : withPreconditions),
    ...(takesIdempotencyKey(operation) ? withKey : []),
  ];
}

function pathParameters(path: string): object[] {
  const name = /\{(\w+)\}/.exec(path)?.[1];
  if (name === undefined) return [];
  return [{ name, in: "path", required: true, schema: { type: "string", format: "uuid" } }];
}

const parameterDescriptions: Readonly<Record<string, string>> = {
  page: "From 1. Default 1. Not together with skip and limit.",
  page_size: "Rows on a page. Default 100. Not together with skip and limit.",
  skip: "Rows to pass over. Default 0. Not together with page and page_size.",
  limit: "Rows to answer. Default 100. Not together with page and page_size.",
  cursor:
    "The next_cursor of the page before, or of a stream: the answer begins after it. Not together with page and skip.",
  cursors: "Whether lines with cursors come between the tasks, and one at the end. Default false.",
  count:
    "How total is found. exact, the default; estimated: exact up to 1000 rows, beyond the planner's estimate; none: total is null.",
};

function queryParameters(query: JsonSchema | undefined): object[] {
  return Object.entries(query?.properties ?? {}).map(([name, schema]) => ({
    name,
    in: "query",
    required: query?.required?.includes(name) ?? false,
    ...(name in parameterDescriptions && { description: parameterDescriptions[name] }),
    schema,
  }));
}

function probe(operationId: string, summary: string, responses: object): object {
  return { get: { operationId, summary, tags: ["operation"], security: [], responses } };
}

function statusResponse(description: string, example: object): object {
  const schema = {
    type: "object",
    properties: { status: { type: "string" }, detail: { type: "string" } },
    required: ["status"],
  };
  return { description, headers: requestIdHeader, content: { "application/json": { schema, example } } };
}

/** The two probes, which are no services' operations. */
export const healthPaths: Readonly<Record<string, object>> = {
  "/health": probe("getHealth", "Whether the process runs", {
    200: statusResponse("It runs.", { status: "ok" }),
  }),
  "/ready": probe("getReadiness", "Whether requests should be sent here", {
    200: statusResponse("The database answers, and has the schema that this version needs.", { status: "ready" }),
    503: statusResponse("Not now; detail says why.", {
      status: "not_ready",
      detail: "The database cannot be reached. Check that it runs, then try again.",
    }),
  }),
};
