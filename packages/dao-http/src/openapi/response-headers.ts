import { takesIdempotencyKey } from "../api/operation.ts";
import type { ApiRoute } from "../api/routes.ts";

/** Headers of answers, as components of the document. */
export const responseHeaders = {
  RequestId: {
    description: "The request's own X-Request-Id, or a new one. The log has it too.",
    required: true,
    schema: { type: "string" },
  },
  ETag: {
    description:
      "The row's version: it changes when any field does, whoever writes it. For If-Match and If-None-Match.",
    required: true,
    schema: { type: "string", examples: ['"kGmB3Qf0Zr1v9a_XyT-w2c"'] },
  },
  Link: {
    description:
      "Other pages (RFC 8288): next, first, and of a list that is paged by number prev and last. Relative. Those for which " +
      "a long query leaves no room in 3 KB are left out, so follow next_cursor where there is no next.",
    schema: { type: "string" },
  },
  IdempotentReplayed: {
    description:
      "true where the request was done before under its Idempotency-Key, and this is the answer that it got.",
    schema: { type: "string", const: "true" },
  },
} as const;

/** What every answer has. */
export const requestIdHeader = { "X-Request-Id": { $ref: "#/components/headers/RequestId" } };

export const etagHeader = { ETag: { $ref: "#/components/headers/ETag" } };

const linkHeader = { Link: { $ref: "#/components/headers/Link" } };

/** The headers of an operation's answer when all went well. */
export function successHeaders({ operation, route, location }: ApiRoute): object {
  return {
    ...requestIdHeader,
    ...(operation.row === true && route.status !== 204 && etagHeader),
    ...(operation.query !== undefined && "page" in operation.query && linkHeader),
    ...(takesIdempotencyKey(operation) && {
      "Idempotent-Replayed": { $ref: "#/components/headers/IdempotentReplayed" },
    }),
    ...(location !== undefined && {
      Location: {
        description: `Where the new row is: ${location}`,
        required: true,
        schema: { type: "string", format: "uri-reference" },
      },
    }),
  };
}
