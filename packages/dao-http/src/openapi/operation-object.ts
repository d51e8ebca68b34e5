import { type Operation, preconditionUse, takesIdempotencyKey } from "../api/operation.ts";
import type { Route } from "../api/route.ts";
import type { ProblemCode } from "../http/http-error.ts";
import { headerParametersOf, successHeaders } from "./headers.ts";
import { exampleOf, type JsonSchema } from "./json-schemas.ts";
import { responsesOf } from "./problem-responses.ts";

/** An operation with its route, and the schemas of what it takes and returns. */
export interface DescribedOperation {
  /** The service method, which is the `operationId`. */
  readonly method: string;
  readonly operation: Operation;
  readonly route: Route;
  readonly input: JsonSchema | undefined;
  readonly output: JsonSchema | undefined;
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

/** The Operation Object of OpenAPI. */
export function openApiOperation(described: DescribedOperation): object {
  const { method, operation, route, input, output } = described;
  const { path, status } = operation;
  const isQuery = operation.input === "query";
  return {
    operationId: method,
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
      ...(preconditionUse(operation) === "read" && { 304: { $ref: "#/components/responses/not_modified" } }),
      ...responsesOf(problemsOf(described)),
    },
  };
}

/** With `cursors` there are such lines between the rows. */
const cursorLine: JsonSchema = {
  type: "object",
  properties: { next_cursor: { type: ["string", "null"] } },
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
function problemsOf({ operation, route }: DescribedOperation): ProblemCode[] {
  const hasBody = operation.input === "body" || operation.input === "ndjson";
  return [
    ...everywhere,
    ...(hasBody ? (["payload_too_large", "unsupported_media_type"] as const) : []),
    ...(operation.method === "GET" ? [] : (["conflict"] as const)),
    ...(route.errors ?? []),
    ...(preconditionUse(operation) === "none" ? [] : (["version_mismatch"] as const)),
    ...(takesIdempotencyKey(operation) ? (["idempotency_key_reused"] as const) : []),
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
