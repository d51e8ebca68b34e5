import { type Operation, type PreconditionUse, preconditionUse, takesIdempotencyKey } from "../api/operation.ts";

const entityTags = { type: "string", examples: ['"kGmB3Qf0Zr1v9a_XyT-w2c"'] };

/** The headers that an operation can be sent with beside the key, as components of the document. */
export const headerParameters = {
  IfMatchToRead: {
    name: "If-Match",
    in: "header",
    description: "* or a list of entity-tags: the row is answered only if its ETag is among them, and 412 otherwise.",
    schema: entityTags,
  },
  IfNoneMatch: {
    name: "If-None-Match",
    in: "header",
    description: "* or a list of entity-tags: 304 without a body if the row's ETag is among them.",
    schema: entityTags,
  },
  IfMatchToWrite: {
    name: "If-Match",
    in: "header",
    description:
      "* or a list of entity-tags: the row is changed only if its ETag is among them, which means that nobody has " +
      "changed it since it was read; 412 otherwise. A weak tag is none that matches.",
    schema: entityTags,
  },
  IdempotencyKey: {
    name: "Idempotency-Key",
    in: "header",
    description:
      "A name for this request, unique for each, such as a UUID. However often the request is sent under it within 24 " +
      "hours, it is done once, and answered the same; another request under it is 422. Failures are not kept: the " +
      "request may be sent again. 1 to 255 visible ASCII characters, with quotes around them or without.",
    schema: { type: "string", examples: ["8e03978e-40d5-43dd-bc93-6894a57f9324"] },
  },
} as const;

type ParameterName = keyof typeof headerParameters;

const ofUse: Readonly<Record<PreconditionUse, readonly ParameterName[]>> = {
  read: ["IfMatchToRead", "IfNoneMatch"],
  write: ["IfMatchToWrite"],
  none: [],
};

/** References to those that this operation takes. */
export function headerParametersOf(operation: Operation): object[] {
  const names = takesIdempotencyKey(operation) ? (["IdempotencyKey"] as const) : ofUse[preconditionUse(operation)];
  return names.map((name) => ({ $ref: `#/components/parameters/${name}` }));
}

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
export function successHeaders(operation: Operation): object {
  const { row, status, query, location } = operation;
  return {
    ...requestIdHeader,
    ...(row === true && status !== 204 && etagHeader),
    ...(query !== undefined && "page" in query && linkHeader),
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
