import { parseId, validate } from "@flux/dao-core/contract";
import * as errors from "@flux/dao-core/errors";
import { type Operation, POSITION_PATTERN } from "../../packages/dao-http/src/api/operation.ts";
import {
  bodyTooLarge,
  HttpError,
  PROBLEM_CODES,
  type ProblemCode,
  toProblem,
} from "../../packages/dao-http/src/http/problem.ts";
import { BODY_LIMIT, PROBLEM_ERRORS, RETRY_AFTER } from "../../packages/dao-http/src/wire/limits.ts";
import type { Route } from "../api/route.ts";

const row = "0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d6e";

const entityTag = String.raw`(W/)?"[!#-~\u0080-\u00ff]*"[\t ]*`;
const etag = { type: "string", examples: ['"kGmB3Qf0Zr1v9a_XyT-w2c"'] };
/** As long as Node allows headers to be. */
const entityTags = {
  ...etag,
  // Elements of a list may be empty (RFC 9110, 5.6.1.2).
  pattern: String.raw`^(\*|[\t ,]*${entityTag}(,[\t ]*(${entityTag})?)*)$`,
  minLength: 1,
  maxLength: 16_384,
};

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
    schema: { type: "string", enum: ["*"], examples: ["*"] },
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
    schema: {
      type: "string",
      pattern: String.raw`^([!#-~][!-~]{0,254}|"([!#-\[\]-~]|\\["\\]){1,255}")$`,
      minLength: 1,
      maxLength: 512,
      examples: ["8e03978e-40d5-43dd-bc93-6894a57f9324"],
    },
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
    schema: { type: "string", examples: [row] },
  },
  ETag: {
    description:
      "The row's version: it changes whenever a field does, regardless of the writer. For If-Match and If-None-Match.",
    required: true,
    schema: etag,
  },
  Link: {
    description:
      "Other pages (RFC 8288): next, first, and with numbered pages prev and last. Relative. Links for which a long query leaves " +
      "no room in 3 KB are omitted: use next_cursor if there is no next.",
    schema: { type: "string", examples: ['<?page=2>; rel="next"'] },
  },
  FluxPosition: {
    description:
      "Of a write, of changes, and of a read of the latest, if the service reads from a standby (DATABASE_READ_URL): covers this request. Of two, " +
      "the greater text is the later. Send the greatest with later reads. latest if it could not be learned.",
    schema: position,
  },
  IdempotentReplayed: {
    description: "true if the request was already processed with its Idempotency-Key; this is the recorded response.",
    schema: { type: "string", const: "true", examples: ["true"] },
  },
  Accept: {
    description: "The media type to send.",
    schema: { type: "string", examples: ["application/json"] },
  },
  AcceptPatch: {
    description: "The media type to send, for a PATCH.",
    schema: { type: "string", examples: ["application/json"] },
  },
  AcceptEncoding: {
    description: "identity, if the body was compressed.",
    schema: { type: "string", examples: ["identity"] },
  },
  Help: {
    description:
      "The page that says what the error means, relative to the request; absent if the pages are not served.",
    schema: {
      type: "string",
      pattern: '^<(\\.\\./)*guide#[a-z_]+>; rel="help"$',
      examples: ['<../../../guide#not_found>; rel="help"'],
    },
  },
  RetryAfter: { description: "Seconds to wait.", schema: { type: "integer", examples: [RETRY_AFTER] } },
} as const;

const header = (name: keyof typeof responseHeaders) => ({ $ref: `#/components/headers/${name}` });

/** Every response has it. */
export const requestIdHeader = { "X-Request-Id": header("RequestId") };

export function successHeaders(operation: Operation): object {
  const { status, query, location, keyed } = operation;
  return {
    ...requestIdHeader,
    "Flux-Position": header("FluxPosition"),
    ...(operation.row === true && status !== 204 && { ETag: header("ETag") }),
    ...(query !== undefined && "page" in query && { Link: header("Link") }),
    ...(keyed === true && { "Idempotent-Replayed": header("IdempotentReplayed") }),
    ...(location !== undefined && {
      Location: {
        description: `The URL of the new row: ${location}`,
        required: true,
        schema: { type: "string", format: "uri-reference", examples: [location.replace(/\{\w+\}/, row)] },
      },
    }),
  };
}

/** Of the operation whose problems are examples. */
interface Failing {
  readonly path: string;
  /** `task` */
  readonly noun: string;
  /** What the service throws for input that breaks its rules. */
  readonly invalid: unknown;
  /** Whether that is the id in its path. */
  readonly isId: boolean;
}

/** An id that is none. */
const WRONG_ID = "7";

function failing({ path, ...route }: Route): Failing {
  const noun = path.split("/")[3]?.replace(/s$/, "").replace("demo-flag", "demo flags") ?? "";
  const isId = (route.query ?? route.body ?? route.bodyLines) === undefined;
  return { path: path.replace(/\{\w+\}/, row), noun, invalid: invalidInput({ path, ...route }), isId };
}

function invalidInput({ path, query, body, bodyLines }: Route): unknown {
  const input = query ?? body ?? bodyLines;
  try {
    if (input === undefined) parseId(WRONG_ID, /\{(\w+)\}/.exec(path)?.[1]);
    else [{ colour: "red" }, null].map((wrong) => validate(input, wrong, bodyLines && "0"));
  } catch (error) {
    return error;
  }
  throw new TypeError(`Nothing is known that ${path} refuses.`);
}

/** When each code is returned, and an error that has it. */
const cases: Readonly<Partial<Record<ProblemCode, readonly [description: string, example: (of: Failing) => unknown]>>> =
  {
    validation_failed: ["The body is not JSON, or the body or a parameter breaks a rule.", ({ invalid }) => invalid],
    invalid_service_key: [
      "The service key is missing or wrong.",
      () =>
        new HttpError(
          "invalid_service_key",
          "The header X-Flux-Service-Key is missing. Send one of the service's keys in it.",
        ),
    ],
    not_found: ["No such row.", ({ noun }) => new errors.NotFoundError(noun, row)],
    request_timeout: [
      "The request did not arrive in time.",
      () => new HttpError("request_timeout", "The request did not arrive in time. Send it again, without pauses."),
    ],
    conflict: [
      "A unique value is taken, or a concurrent request won a race.",
      ({ noun }) =>
        noun === "user"
          ? new errors.ConflictError("email is taken by another user. Choose another, or update that row.", {
              field: "email",
            })
          : new errors.RetryableError("The request lost a race with another one. Send it again."),
    ],
    version_mismatch: [
      "The row has none of the versions in If-Match.",
      ({ noun }) => new errors.VersionMismatchError(noun, row),
    ],
    payload_too_large: [
      "The body, or a line of an NDJSON body, exceeds the size limit; or a conversation would become too long: then errors names it.",
      () => bodyTooLarge(BODY_LIMIT),
    ],
    unsupported_media_type: [
      "The body does not have the operation's media type in UTF-8, or it is compressed.",
      () =>
        new HttpError(
          "unsupported_media_type",
          "The body has a media type that is not accepted here. Send JSON in UTF-8, with Content-Type: application/json.",
        ),
    ],
    related_row_missing: [
      "A foreign key refers to a row that does not exist.",
      ({ noun }) => new errors.RelatedRowMissingError(noun === "milestone" ? "goalId" : "userId", row),
    ],
    idempotency_key_reused: [
      "The Idempotency-Key was used for another request.",
      () => new errors.IdempotencyKeyReusedError(),
    ],
    headers_too_large: [
      "The headers exceed 16 KiB.",
      () => new HttpError("headers_too_large", "The request's headers are too large. Send fewer or shorter ones."),
    ],
    cursor_expired: [
      "The changes after the cursor are not kept any more, or the database was restored. List the rows again.",
      () => new errors.CursorExpiredError(),
    ],
    changes_disabled: ["The schema has no change feed.", () => new errors.ChangesDisabledError("public")],
    internal_error: ["An unexpected error. The cause is in the log, with the request id.", () => new Error()],
    unavailable: [
      "The database is unavailable, or not ready for this version of the service.",
      () => new errors.UnavailableError("The database cannot be reached. Check that it runs, then try again."),
    ],
  };

const moreHeaders: Readonly<Partial<Record<ProblemCode, object>>> = {
  unsupported_media_type: {
    Accept: header("Accept"),
    "Accept-Patch": header("AcceptPatch"),
    "Accept-Encoding": header("AcceptEncoding"),
  },
  unavailable: { "Retry-After": header("RetryAfter") },
};

/** What any operation may return, whatever it does. The others have examples of their own operation. */
const SHARED = [
  "invalid_service_key",
  "request_timeout",
  "payload_too_large",
  "unsupported_media_type",
  "headers_too_large",
  "internal_error",
  "unavailable",
] as const satisfies ProblemCode[];

const anywhere: Failing = { path: "/api/v1/…", noun: "row", invalid: undefined, isId: false };

/** Responses that operations share. */
export const responses = {
  /** To a conditional read. */
  not_modified: {
    description: "The row's ETag is in If-None-Match.",
    headers: { ...requestIdHeader, ETag: header("ETag") },
  },
  ...Object.fromEntries(SHARED.map((code) => [code, problemResponse([code], anywhere)])),
};

function problemResponse(codes: readonly ProblemCode[], of: Failing): object {
  const examples = codes.map((code) => [code, { value: exampleOf(code, of) }] as const);
  const [[, { value: example } = {}] = []] = examples;
  const schema = { $ref: "#/components/schemas/Problem" };
  return {
    description: codes.map((code) => `${PROBLEM_CODES[code].title}: ${cases[code]?.[0]}`).join(" "),
    headers: Object.assign({ Link: header("Help") }, requestIdHeader, ...codes.map((code) => moreHeaders[code])),
    content: {
      "application/problem+json":
        codes.length === 1 ? { schema, example } : { schema, examples: Object.fromEntries(examples) },
    },
  };
}

function exampleOf(code: ProblemCode, of: Failing) {
  const [, error] = cases[code] ?? [];
  const isId = code === "validation_failed" && of.isId;
  return toProblem(error?.(of), { path: isId ? of.path.replace(row, WRONG_ID) : of.path, requestId: row });
}

/** The `responses` member for these codes, by status; several can share one. */
export function responsesOf(codes: readonly ProblemCode[], route: Route): Record<string, object> {
  const statusOf = (code: ProblemCode) => PROBLEM_CODES[code].status;
  return Object.fromEntries(
    codes.map((code) => {
      if (code in responses) return [statusOf(code), { $ref: `#/components/responses/${code}` }];
      const together = [...new Set(codes)].filter((other) => statusOf(other) === statusOf(code));
      return [statusOf(code), problemResponse(together, failing(route))];
    }),
  );
}

const problem = toProblem(new errors.NotFoundError("task", row), { path: `/api/v1/tasks/${row}`, requestId: row });

/** The problem details of RFC 9457, as the service writes them. */
export const problemSchema = {
  type: "object",
  description: "Problem details (RFC 9457).",
  properties: {
    type: {
      type: "string",
      format: "uri",
      description: "Identifies the kind of problem, one for one with code.",
      examples: [problem.type],
    },
    title: { type: "string", description: "The kind of problem in words.", examples: [problem.title] },
    status: { type: "integer", description: "The response's status.", examples: [problem.status] },
    detail: { type: "string", description: "What is wrong, and what to do about it.", examples: [problem.detail] },
    instance: { type: "string", description: "The path of the request.", examples: [problem.instance] },
    code: {
      type: "string",
      enum: Object.keys(PROBLEM_CODES),
      description: "The kind of problem, to branch on.",
      examples: [problem.code],
    },
    errors: {
      type: "array",
      description:
        "With validation_failed: the issues, with names as the caller wrote them. detail says how many there are if not all " +
        "are listed. In a batch with any code: what is wrong with which operation, each path beginning with its number, from 0.",
      maxItems: PROBLEM_ERRORS,
      items: {
        type: "object",
        properties: {
          path: { type: "string", description: "The field or parameter.", examples: ["title"] },
          message: { type: "string", description: "What is wrong with it.", examples: ["is required"] },
        },
        required: ["path", "message"],
      },
      examples: [[{ path: "title", message: "is required" }]],
    },
    field: {
      type: "string",
      description: "With conflict and related_row_missing: the field.",
      examples: ["email"],
    },
    id: { type: "string", description: "With related_row_missing: the id that does not exist.", examples: [row] },
    reason: {
      type: "string",
      enum: ["retryable", "transaction_lost", "schema_version"],
      description: "The data layer's code, if code is less specific.",
      examples: ["retryable"],
    },
    outcome: {
      type: "string",
      enum: ["rolled_back", "unknown"],
      description: "With transaction_lost: whether anything was kept.",
      examples: ["unknown"],
    },
  },
  required: ["type", "title", "status", "detail", "instance", "code"],
};
