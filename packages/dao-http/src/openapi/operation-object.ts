import type { JsonSchema } from "../api/json-schemas.ts";
import { type Operation, preconditionUse, takesIdempotencyKey } from "../api/operation.ts";
import type { Route } from "../api/route.ts";
import type { ProblemCode } from "../http/http-error.ts";
import { headerParametersOf, successHeaders } from "./headers.ts";
import { responsesOf } from "./problem-responses.ts";
import { exampleOf, type OperationSchemas } from "./wire-schemas.ts";

/** An operation with its route and schemas. */
export interface DescribedOperation {
  /** The service method, which is the `operationId`. */
  readonly method: string;
  readonly operation: Operation;
  readonly route: Route;
  readonly schemas: OperationSchemas;
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
const withBody: readonly ProblemCode[] = ["payload_too_large", "unsupported_media_type"];
/** Any write can lose a race with others (contract, "Errors"). */
const ofWriters: readonly ProblemCode[] = ["conflict"];
const withPreconditions: readonly ProblemCode[] = ["version_mismatch"];
const withKey: readonly ProblemCode[] = ["idempotency_key_reused"];

/** The Operation Object of OpenAPI. */
export function openApiOperation(described: DescribedOperation): object {
  const { method, operation, route, schemas } = described;
  const tag = operation.path.split("/")[3];
  return {
    operationId: method,
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
        content: contentOf(operation.input, schemas.body, exampleOf(schemas.body)),
      },
    }),
    responses: {
      [operation.status]: {
        description: operation.status === 204 ? "Done." : route.summary,
        headers: successHeaders(operation),
        ...(schemas.output !== undefined && {
          content: contentOf(operation.output, lineOf(operation, schemas.output), exampleOf(schemas.output)),
        }),
      },
      ...(preconditionUse(operation) === "read" && { 304: { $ref: "#/components/responses/not_modified" } }),
      ...responsesOf(problemsOf(described)),
    },
  };
}

/** The schema of a response, or of each line of it: with `cursors` there are other lines between the rows. */
function lineOf({ output }: Operation, row: JsonSchema): JsonSchema {
  return output === "ndjson" ? { anyOf: [row, cursorLine] } : row;
}

const cursorLine: JsonSchema = {
  type: "object",
  properties: { next_cursor: { type: ["string", "null"] } },
  required: ["next_cursor"],
  additionalProperties: false,
};

/** The content of a body: JSON or NDJSON. OpenAPI 3.1 has no schema for lines, so it is in the `contentSchema` of text. */
function contentOf(form: string | undefined, schema: JsonSchema, example: unknown): object {
  if (form !== "ndjson") return { "application/json": { schema, example } };
  const lines: JsonSchema = {
    type: "string",
    description:
      "One JSON text per line. A line ends with LF or CRLF, optional after the last; blank lines are skipped. contentSchema " +
      "describes each line.",
    contentMediaType: "application/json",
    contentSchema: schema,
  };
  return { "application/x-ndjson": { schema: lines, example: `${JSON.stringify(example)}\n` } };
}

function problemsOf({ operation, route, schemas }: DescribedOperation): ProblemCode[] {
  return [
    ...everywhere,
    ...(schemas.body === undefined ? [] : withBody),
    ...(operation.method === "GET" ? [] : ofWriters),
    ...(route.errors ?? []),
    ...(preconditionUse(operation) === "none" ? [] : withPreconditions),
    ...(takesIdempotencyKey(operation) ? withKey : []),
  ];
}

function pathParameters(path: string): object[] {
  const name = /\{(\w+)\}/.exec(path)?.[1];
  if (name === undefined) return [];
  return [{ name, in: "path", required: true, schema: { type: "string", format: "uuid" } }];
}

function queryParameters(query: JsonSchema | undefined): object[] {
  return Object.entries(query?.properties ?? {}).map(([name, property]) => {
    const { description, ...schema } = typeof property === "boolean" ? {} : property;
    const required = query?.required?.includes(name) ?? false;
    return { name, in: "query", required, ...(description !== undefined && { description }), schema };
  });
}
