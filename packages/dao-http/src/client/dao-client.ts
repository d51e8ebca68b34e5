import type { DaoServices, StreamOptions } from "@flux/dao-core/contract";
import type { Operation } from "../api/operation.ts";
import { type KeyedOperation, operations } from "../api/operations.gen.ts";
import { encode } from "../wire/json.ts";
import { NDJSON } from "../wire/ndjson.ts";
import { Connection, type ConnectionOptions } from "./connection.ts";
import type { HttpCall } from "./http-call.ts";
import { checkBody } from "./input-check.ts";
import { type CallRequest, requestOf, toQueryString } from "./request.ts";
import { resultOf } from "./result.ts";
import { Attempts, type RetryOptions } from "./retry.ts";
import { streamRows } from "./row-stream.ts";
import { SentLines } from "./sent-lines.ts";

/** How to reach the service. */
export interface DaoClientOptions extends ConnectionOptions {
  /** Retries of failed calls; `false` sends each call once. Default: two retries of calls that can be sent twice. */
  readonly retry?: RetryOptions | false | undefined;
}

/** Further options of calls by POST. */
export interface KeyOptions {
  /**
   * A unique name for the request: a UUID, or `invoice-2026-02`. However often the request is sent with it within 24 hours, it
   * takes effect once, and returns the same result. 1 to 255 visible ASCII characters. Default: none; a request that is sent
   * twice then takes effect twice.
   */
  readonly idempotencyKey?: string | undefined;
}

/** The options of a call by POST: the service assigns ids, and a key takes the place of a client-supplied id. */
type PostOptions<Options> = Omit<Options, "id"> & KeyOptions;

type PostMethod<Method> = Method extends (...args: infer Args) => infer Result
  ? Required<Args> extends readonly [infer Input, infer Options]
    ? (input: Input, options?: PostOptions<Options>) => Result
    : Required<Args> extends readonly [infer Id, infer Input, infer Options]
      ? (id: Id, input: Input, options?: PostOptions<Options>) => Result
      : never
  : never;

/** The six services; calls by POST, except imports, also accept an idempotency key. */
export type DaoClient = {
  readonly [Service in keyof DaoServices]: {
    readonly [Method in keyof DaoServices[Service] & string]: `${Service}.${Method}` extends KeyedOperation
      ? PostMethod<DaoServices[Service][Method]>
      : DaoServices[Service][Method];
  };
};

/**
 * Creates a client: the six services over HTTP, with the same methods, DTOs and errors as in-process. Only the `id` of a new row
 * cannot be supplied.
 *
 * ```ts
 * const { tasks } = createDaoClient({ baseUrl: "http://flux-dao-service:8000", serviceKey: "scheduler-key-def" });
 * const { updatedCount } = await tasks.bulkUpdateState({ taskIds, newState: "drifted" });
 * ```
 *
 * Besides the errors of the services, a call throws {@link InvalidServiceKeyError} and {@link UnexpectedResponseError}. Responses
 * are checked: one that is not the service's, or was damaged in transit, is an `UnavailableError`. Calls that can be sent twice
 * are retried after one ({@link RetryOptions}); other retries are up to the caller.
 *
 * @throws TypeError for an invalid base URL
 */
export function createDaoClient(options: DaoClientOptions): DaoClient {
  const connection = new Connection(options);
  const retry = options.retry === false ? { retries: 0 } : options.retry;
  const services: Record<string, Record<string, unknown>> = {};
  for (const [name, operation] of Object.entries(operations)) {
    const [service = "", method = ""] = name.split(".");
    const send = operation.output === "ndjson" ? stream : call;
    services[service] ??= {};
    services[service][method] = (...args: unknown[]) => send(connection, operation, args, retry);
  }
  // The compiler checks that the table has every method of every service; responses are checked at run time.
  const client: unknown = services;
  return client as DaoClient;
}

async function call(
  connection: Connection,
  operation: Operation,
  args: readonly unknown[],
  retry: RetryOptions | undefined,
): Promise<unknown> {
  const request = requestOf(operation, args);
  if (operation.input === "ndjson") return callWithLines(connection, request);
  const { input, timeout = connection.timeout } = request;
  const hasBody = operation.input === "body";
  if (hasBody) checkBody(input);
  const body = hasBody ? { mediaType: "application/json", content: encode(input) } : undefined;
  const attempts = new Attempts(request, timeout, retry);
  for (;;) {
    let sent: HttpCall | undefined;
    try {
      sent = await connection.open(request, attempts, body);
      return resultOf(sent.head, await sent.text(), operation);
    } catch (error) {
      await attempts.next(error, sent?.head);
    }
  }
}

async function callWithLines(connection: Connection, request: CallRequest): Promise<unknown> {
  const { operation, input, timeout } = request;
  const lines = new SentLines(input as Iterable<unknown>, (item, number) => {
    checkBody(item, [String(number)]);
    return encode(item);
  });
  const content = (sent: HttpCall) => lines.toStream(timeout === undefined ? sent : undefined);
  try {
    const attempt = { number: 1, timeout: timeout ?? connection.timeout };
    const sent = await connection.open(request, attempt, { mediaType: NDJSON, content });
    return resultOf(sent.head, await sent.text(), operation);
  } catch (error) {
    throw lines.failure === undefined ? error : lines.failure.error;
  } finally {
    await lines.close();
  }
}

async function* stream(
  connection: Connection,
  operation: Operation,
  args: readonly unknown[],
  retry: RetryOptions | undefined,
): AsyncGenerator<unknown, void, undefined> {
  const request = requestOf(operation, args);
  const { onCursor }: StreamOptions = Object(args[1]);
  const input: { readonly cursor?: string } = Object(request.input);
  const attempts = new Attempts(request, request.timeout ?? connection.timeout, retry);
  const open = (cursor: string | undefined) => {
    const target = operation.path + toQueryString({ ...input, cursor, cursors: true }, operation.query ?? {});
    return connection.open({ ...request, target }, attempts);
  };
  yield* streamRows({ operation, attempts, open, cursor: input.cursor, onCursor });
}
