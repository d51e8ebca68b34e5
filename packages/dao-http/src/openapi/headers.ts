import { type Operation, type PreconditionUse, preconditionUse, takesIdempotencyKey } from "../api/operation.ts";

const entityTags = { type: "string", examples: ['"kGmB3Qf0Zr1v9a_XyT-w2c"'] };

/** The headers of requests beside the key, as components of the document. */
export const headerParameters = {
  IfMatchToRead: {
    name: "If-Match",
    in: "header",
    description: "* or a list of entity-tags: the row is returned only if its ETag is among them; otherwise 412.",
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
      "* or a list of entity-tags: the row is changed only if its ETag is among them, that is, if it has not changed since it " +
      "was read; otherwise 412. A weak tag never matches.",
    schema: entityTags,
  },
  IdempotencyKey: {
    name: "Idempotency-Key",
    in: "header",
    description:
      "A unique name for this request, such as a UUID. However often the request is sent with it within 24 hours, it takes " +
      "effect once, and gets the same response; another request with it is a 422. Failures are not recorded: the request may " +
      "be sent again. 1 to 255 visible ASCII characters, with or without quotes.",
    schema: { type: "string", examples: ["8e03978e-40d5-43dd-bc93-6894a57f9324"] },
  },
} as const;

type ParameterName = keyof typeof headerParameters;

const ofUse: Readonly<Record<PreconditionUse, readonly ParameterName[]>> = {
  read: ["IfMatchToRead", "IfNoneMatch"],
  write: ["IfMatchToWrite"],
  none: [],
};

export function headerParametersOf(operation: Operation): object[] {
  const names = takesIdempotencyKey(operation) ? (["IdempotencyKey"] as const) : ofUse[preconditionUse(operation)];
  return names.map((name) => ({ $ref: `#/components/parameters/${name}` }));
}

export const responseHeaders = {
  RequestId: {
    description: "The request's X-Request-Id, or a new one. It is also in the log.",
    required: true,
    schema: { type: "string" },
  },
  ETag: {
    description:
      "The row's version: it changes whenever a field does, regardless of the writer. For If-Match and If-None-Match.",
    required: true,
    schema: { type: "string", examples: ['"kGmB3Qf0Zr1v9a_XyT-w2c"'] },
  },
  Link: {
    description:
      "Other pages (RFC 8288): next, first, and with numbered pages prev and last. Relative. Links for which a long query leaves " +
      "no room in 3 KB are omitted: use next_cursor if there is no next.",
    schema: { type: "string" },
  },
  IdempotentReplayed: {
    description: "true if the request was already processed with its Idempotency-Key; this is the recorded response.",
    schema: { type: "string", const: "true" },
  },
} as const;

/** Every response has it. */
export const requestIdHeader = { "X-Request-Id": { $ref: "#/components/headers/RequestId" } };

export const etagHeader = { ETag: { $ref: "#/components/headers/ETag" } };

const linkHeader = { Link: { $ref: "#/components/headers/Link" } };

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
        description: `The URL of the new row: ${location}`,
        required: true,
        schema: { type: "string", format: "uri-reference" },
      },
    }),
  };
}
