import * as errors from "@flux/dao-core/errors";
import type { Operation } from "../../packages/dao-http/src/api/operation.ts";
import {
  bodyTooLarge,
  HttpError,
  PROBLEM_CODES,
  type ProblemCode,
  toProblem,
} from "../../packages/dao-http/src/http/problem.ts";
import { BODY_LIMIT, PROBLEM_ERRORS } from "../../packages/dao-http/src/wire/limits.ts";
import { POSITION_PATTERN } from "../../packages/dao-http/src/wire/position.ts";

const entityTags = { type: "string", examples: ['"kGmB3Qf0Zr1v9a_XyT-w2c"'] };

const position = { type: "string", pattern: POSITION_PATTERN.source, examples: ["00000000016B3748"] };

/** The headers of requests besides the key, as components of the document. */
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
  IfNoneMatchToPut: {
    name: "If-None-Match",
    in: "header",
    description: "*: the row is created, not replaced; 412 if there is one.",
    schema: { type: "string", enum: ["*"] },
  },
  FluxPosition: {
    name: "Flux-Position",
    in: "header",
    description:
      "The greatest Flux-Position that the caller has received: if a standby serves the request, the response shows all that was " +
      "written before. latest, after a write whose outcome or position is not known, reads from the primary. Without it the " +
      "response may be older than the caller's own writes, by at most DB_MAX_LAG_MS.",
    schema: position,
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

const ofUse: Readonly<Record<"read" | "write", readonly ParameterName[]>> = {
  read: ["IfMatchToRead", "IfNoneMatch"],
  write: ["IfMatchToWrite"],
};

const ofMethod: Readonly<Partial<Record<Operation["method"], readonly ParameterName[]>>> = {
  GET: ["FluxPosition"],
  PUT: ["IfNoneMatchToPut"],
};

export function headerParametersOf({ keyed, preconditions, method }: Operation): object[] {
  const own = keyed ? (["IdempotencyKey"] as const) : preconditions === undefined ? [] : ofUse[preconditions];
  const names = [...own, ...(ofMethod[method] ?? [])];
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
    schema: entityTags,
  },
  Link: {
    description:
      "Other pages (RFC 8288): next, first, and with numbered pages prev and last. Relative. Links for which a long query leaves " +
      "no room in 3 KB are omitted: use next_cursor if there is no next.",
    schema: { type: "string" },
  },
  FluxPosition: {
    description:
      "Of a write, of changes, and of a read of the latest, if the service reads from a standby (DATABASE_READ_URL): covers this request. Of two, " +
      "the greater text is the later. Send the greatest with later reads. latest if it could not be learned.",
    schema: position,
  },
  IdempotentReplayed: {
    description: "true if the request was already processed with its Idempotency-Key; this is the recorded response.",
    schema: { type: "string", const: "true" },
  },
} as const;

const header = (name: keyof typeof responseHeaders) => ({ $ref: `#/components/headers/${name}` });

/** Every response has it. */
export const requestIdHeader = { "X-Request-Id": header("RequestId") };

export function successHeaders(operation: Operation): object {
  const { row, status, query, location, keyed } = operation;
  return {
    ...requestIdHeader,
    "Flux-Position": header("FluxPosition"),
    ...(row === true && status !== 204 && { ETag: header("ETag") }),
    ...(query !== undefined && "page" in query && { Link: header("Link") }),
    ...(keyed === true && { "Idempotent-Replayed": header("IdempotentReplayed") }),
    ...(location !== undefined && {
      Location: {
        description: `The URL of the new row: ${location}`,
        required: true,
        schema: { type: "string", format: "uri-reference" },
      },
    }),
  };
}

/** The problem details of RFC 9457, as the service writes them. */
export const problemSchema = {
  type: "object",
  description: "Problem details (RFC 9457).",
  properties: {
    type: { type: "string", format: "uri", description: "Identifies the kind of problem, one for one with code." },
    title: { type: "string" },
    status: { type: "integer" },
    detail: { type: "string", description: "What is wrong, and what to do about it." },
    instance: { type: "string", description: "The path of the request." },
    code: { type: "string", enum: Object.keys(PROBLEM_CODES) },
    errors: {
      type: "array",
      description:
        "With validation_failed: the issues, with names as the caller wrote them. detail says how many there are if not all " +
        "are listed. In a batch with any code: what is wrong with which operation, each path beginning with its number, from 0.",
      maxItems: PROBLEM_ERRORS,
      items: {
        type: "object",
        properties: { path: { type: "string" }, message: { type: "string" } },
        required: ["path", "message"],
      },
    },
    field: { type: "string", description: "With conflict and related_row_missing: the field." },
    id: { type: "string", description: "With related_row_missing: the id that does not exist." },
    reason: {
      type: "string",
      enum: ["retryable", "transaction_lost", "schema_version"],
      description: "The data layer's code, if code is less specific.",
    },
    outcome: {
      type: "string",
      enum: ["rolled_back", "unknown"],
      description: "With transaction_lost: whether anything was kept.",
    },
  },
  required: ["type", "title", "status", "detail", "instance", "code"],
};

const row = "0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d6e";

/** When each code is returned, and an error that has it. */
const cases: Readonly<Partial<Record<ProblemCode, readonly [description: string, example: Error]>>> = {
  validation_failed: [
    "The body is not JSON, or the body or a parameter breaks a rule.",
    new errors.ValidationError([{ path: "title", message: "must be 1 to 500 characters long, not 0" }]),
  ],
  invalid_service_key: [
    "The service key is missing or wrong.",
    new HttpError(
      "invalid_service_key",
      "The header X-Flux-Service-Key is missing. Send one of the service's keys in it.",
    ),
  ],
  not_found: ["No such row.", new errors.NotFoundError("task", row)],
  request_timeout: [
    "The request did not arrive in time.",
    new HttpError("request_timeout", "The request did not arrive in time. Send it again, without pauses."),
  ],
  conflict: [
    "A unique value is taken, or a concurrent request won a race.",
    new errors.ConflictError("email is taken by another user. Choose another, or update that row.", { field: "email" }),
  ],
  version_mismatch: ["The row has none of the versions in If-Match.", new errors.VersionMismatchError("task", row)],
  payload_too_large: [
    "The body, or a line of an NDJSON body, exceeds the size limit; or a conversation would become too long: then errors names it.",
    bodyTooLarge(BODY_LIMIT),
  ],
  unsupported_media_type: [
    "The body does not have the operation's media type in UTF-8, or it is compressed.",
    new HttpError(
      "unsupported_media_type",
      "The body has a media type that is not accepted here. Send JSON in UTF-8, with Content-Type: application/json.",
    ),
  ],
  related_row_missing: [
    "A foreign key refers to a row that does not exist.",
    new errors.RelatedRowMissingError("userId", row),
  ],
  idempotency_key_reused: ["The Idempotency-Key was used for another request.", new errors.IdempotencyKeyReusedError()],
  headers_too_large: [
    "The headers exceed 16 KiB.",
    new HttpError("headers_too_large", "The request's headers are too large. Send fewer or shorter ones."),
  ],
  cursor_expired: [
    "The changes after the cursor are not kept any more, or the database was restored. List the rows again.",
    new errors.CursorExpiredError(),
  ],
  changes_disabled: ["The schema has no change feed.", new errors.ChangesDisabledError("public")],
  internal_error: ["An unexpected error. The cause is in the log, with the request id.", new Error()],
  unavailable: [
    "The database is unavailable, or not ready for this version of the service.",
    new errors.UnavailableError("The database cannot be reached. Check that it runs, then try again."),
  ],
};

const moreHeaders: Readonly<Partial<Record<ProblemCode, object>>> = {
  unsupported_media_type: {
    Accept: { description: "The media type to send.", schema: { type: "string" } },
    "Accept-Patch": { description: "The same, for a PATCH.", schema: { type: "string" } },
    "Accept-Encoding": { description: "identity, if the body was compressed.", schema: { type: "string" } },
  },
  unavailable: { "Retry-After": { description: "Seconds to wait.", schema: { type: "integer" } } },
};

/** The response to a conditional read of an unchanged row, and the problem of each code that an operation can return. */
export const responses = {
  not_modified: {
    description: "The row's ETag is in If-None-Match.",
    headers: { ...requestIdHeader, ETag: header("ETag") },
  },
  ...Object.fromEntries(Object.keys(cases).map((code) => [code, problemResponse([code as ProblemCode])])),
};

function problemResponse(codes: readonly ProblemCode[]): object {
  const examples = codes.map((code) => [code, { value: exampleOf(code) }] as const);
  const [[, { value: example } = {}] = []] = examples;
  const schema = { $ref: "#/components/schemas/Problem" };
  return {
    description: codes.map((code) => `${PROBLEM_CODES[code].title}: ${cases[code]?.[0]}`).join(" "),
    headers: Object.assign({}, requestIdHeader, ...codes.map((code) => moreHeaders[code])),
    content: {
      "application/problem+json":
        codes.length === 1 ? { schema, example } : { schema, examples: Object.fromEntries(examples) },
    },
  };
}

function exampleOf(code: ProblemCode): object {
  const [, error] = cases[code] ?? [];
  return toProblem(error, { path: "/api/v1/tasks/", requestId: row });
}

/** The `responses` member for these codes, by status; several can share one. */
export function responsesOf(codes: readonly ProblemCode[]): Record<string, object> {
  const statusOf = (code: ProblemCode) => PROBLEM_CODES[code].status;
  return Object.fromEntries(
    codes.map((code) => {
      const together = [...new Set(codes)].filter((other) => statusOf(other) === statusOf(code));
      const response = together.length === 1 ? { $ref: `#/components/responses/${code}` } : problemResponse(together);
      return [statusOf(code), response];
    }),
  );
}
