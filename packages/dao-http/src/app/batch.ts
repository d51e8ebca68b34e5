import {
  type CallOperation,
  createDaoServices,
  createPieceServices,
  type DatabaseSession,
  type Requester,
  runBatch,
  ValidationError,
} from "@flux/dao-core";
import {
  batchOperationDto,
  callOperation,
  MAX_BATCH_OPERATIONS,
  type OperationName,
  validate,
} from "@flux/dao-core/contract";
import type { Operation } from "../api/operation.ts";
import { splitTarget } from "../http/http-message.ts";
import { InvalidRequestError, invalidRequest } from "../http/problem.ts";
import { checkMediaType, parseJsonBody } from "../http/request-body.ts";
import type { BasePath, Router } from "../http/router.ts";
import { encode, toCamelCase } from "../wire/json.ts";
import { BATCH_RESULTS, BATCH_TIMEOUT } from "../wire/limits.ts";
import {
  Endpoint,
  type EndpointRequest,
  jsonHeaders,
  type PreparedRequest,
  prepareOnce,
  type RouteEndpoint,
  type Target,
} from "./endpoint.ts";
import { IDEMPOTENCY_KEY_HEADER } from "./idempotency.ts";
import { readPreconditions, versionsIn } from "./preconditions.ts";
import { readQuery } from "./query.ts";

/** An operation of a batch, as it is sent. */
type BatchOperation = ReturnType<typeof batchOperationDto.parse>;

/** An operation of a batch. */
interface Part {
  readonly operation: Operation;
  /** As the services take it. */
  readonly call: readonly [name: OperationName, ...args: readonly unknown[]];
}

/** Handles batches: requests of other routes, in the body of one. */
export function batchEndpoint(operation: Operation, router: Router<RouteEndpoint>, basePath: BasePath): RouteEndpoint {
  return { operation, id: undefined, prepare };

  function prepare(request: EndpointRequest): PreparedRequest {
    const { http, query, data } = request;
    readPreconditions(http, operation);
    readQuery(query);
    const key = http.header(IDEMPOTENCY_KEY_HEADER);
    if (key !== undefined) {
      return prepareOnce(key, operation, request, (body) => {
        const parts = read(body);
        return (target) => respond(target, parts);
      });
    }
    checkMediaType(http, "JSON");
    return async (body) => respond(data, read(body), http);
  }

  function read(body: Uint8Array): Part[] {
    // Keeps unknown names: an operation must not have any, whereas in its body they are ignored.
    const { operations }: { operations?: unknown } = Object(parseJsonBody(body, { nameOf: toCamelCase }));
    if (!Array.isArray(operations) || operations.length < 1 || operations.length > MAX_BATCH_OPERATIONS) {
      throw invalidRequest(`must be a list of 1 to ${MAX_BATCH_OPERATIONS} operations`, "operations");
    }
    return operations.map((operation, number) => {
      const valid = validate(batchOperationDto, operation, String(number));
      try {
        return partOf(valid);
      } catch (error) {
        if (!(error instanceof InvalidRequestError)) throw error;
        const numbered = error.issues.map(({ path, message }) => ({ path: `${number}.${path || "path"}`, message }));
        throw new InvalidRequestError(numbered);
      }
    });
  }

  function partOf({ method, path: target, body, id, ifMatch, ifNoneMatch }: BatchOperation): Part {
    const [path, query] = splitTarget(target);
    const match = router.match(basePath.strip(path));
    if (match === undefined) throw invalidRequest("is not in this API: check it against /openapi.json", "path");
    const endpoint = match.methods.get(method);
    if (endpoint === undefined) throw invalidRequest(`must be one that the path supports: ${match.allow}`, "method");
    const { operation } = endpoint;
    const { input, output, location, preconditions } = operation;
    if (!(endpoint instanceof Endpoint) || input === "ndjson" || output === "ndjson") {
      throw invalidRequest("must not be that of a batch, an import, a stream or changes: send it by itself", "path");
    }
    if ((body !== undefined) !== (input === "body")) {
      throw invalidRequest(input === "body" ? "is required" : "is not supported by this operation; omit it", "body");
    }
    if (id !== undefined && location === undefined) {
      throw invalidRequest("is supported only where a row is created; omit it", "id");
    }
    if (ifMatch !== undefined && preconditions !== "write") {
      throw invalidRequest("is supported only where one row is changed or deleted; omit it", "if_match");
    }
    if (ifNoneMatch !== undefined && (method !== "PUT" || ifMatch !== undefined)) {
      throw invalidRequest("is supported only where a row is created or replaced, without if_match", "if_none_match");
    }
    const parameters = readQuery(query, operation.query);
    const absent = ifNoneMatch === undefined ? undefined : null;
    const ifVersion = ifMatch === undefined ? absent : versionsIn("if_match", ifMatch, "strong");
    const args = endpoint.argumentsOf(match.parameter, input === "body" ? body : parameters, { id, ifVersion });
    return { operation, call: [endpoint.name, ...args] };
  }
}

async function respond({ services, session }: Target, parts: readonly Part[], requester?: Requester) {
  const calls = parts.map(({ call }) => call);
  const options = { requester, timeout: BATCH_TIMEOUT };
  const results =
    session === undefined
      ? Array.from(await callBatch(services, calls, options), resultWriter(parts))
      : await runBatch(session, calls, options, (inside) => callsIn(inside, resultWriter(parts, limitOf(parts))), true);
  return { status: 200, headers: jsonHeaders(), body: `{"results":[${results.join(",")}]}` };
}

/** The batch of custom services, whose arguments no compiler has seen. */
function callBatch(services: object, ...args: readonly unknown[]): Promise<Iterable<unknown>> {
  return Reflect.apply(Reflect.get(services, "batch"), services, args);
}

/** The calls of one attempt, each of which returns its result as JSON text. */
function callsIn(session: DatabaseSession, write: ReturnType<typeof resultWriter>): CallOperation<string> {
  const services = createDaoServices(session);
  const reads = new Map(Object.entries(session.pieces === undefined ? {} : createPieceServices(session.pieces).reads));
  return async (name, args, number) => {
    const read = reads.get(name);
    // Without one there is nothing to await: the operation must be called now.
    const opened = read === undefined ? undefined : await read(args[0]);
    if (opened?.kind === "whole") return write(opened.result, number);
    // A list has any number of rows, and a row can be older than the limit of its length.
    if (opened !== undefined && (opened.kind !== "row" || opened.row.bytes > BATCH_RESULTS)) throw tooLong();
    return write(await callOperation(services, name, args), number);
  };
}

/** A row that is created by itself, without a transaction, is as long as the body, and must not be refused once it is there. */
function limitOf([only, ...others]: readonly Part[]): number {
  const isCreation = only?.operation.location !== undefined && others.length === 0;
  return isCreation ? Number.POSITIVE_INFINITY : BATCH_RESULTS;
}

/** Writes the results of the parts by their numbers, with at most `limit` characters in all. */
function resultWriter(parts: readonly Part[], limit = Number.POSITIVE_INFINITY) {
  let length = 0;
  return (result: unknown, number: number) => {
    const status = parts[number]?.operation.status;
    const text = status === 204 ? `{"status":204}` : `{"status":${status},"body":${encode(result)}}`;
    length += text.length;
    if (length > limit) throw tooLong();
    return text;
  };
}

function tooLong(): ValidationError {
  const message = "has a result that is too long for a batch: send it by itself";
  return new ValidationError([{ path: "", message }], { isTooLarge: true });
}
