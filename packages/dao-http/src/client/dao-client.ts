import type { DaoServices, StreamOptions } from "@flux/dao-core/contract";
import type { Operation } from "../api/operation.ts";
import { type KeyedOperation, operations } from "../api/operations.gen.ts";
import { NDJSON } from "../wire/json.ts";
import { type Connection, connect, type DaoClientOptions } from "./connection.ts";
import type { HttpCall } from "./http-call.ts";
import { requestOf } from "./request.ts";
import { jsonBody, SentLines } from "./request-body.ts";
import { resultOf } from "./response.ts";
import { rowsOf } from "./row-stream.ts";

/** Further options of calls by POST. */
export interface KeyOptions {
  /**
   * A unique name for the request: a UUID, or `invoice-2026-02`. Within 24 hours, a request that is sent again with it has no
   * further effect, and returns the same result. 1 to 255 visible ASCII characters. Default: none; a request that is sent twice
   * then takes effect twice.
   */
  readonly idempotencyKey?: string | undefined;
}

/** The options of a call by POST: the service assigns the id, and a key replaces a client-supplied id. */
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
  const connection = connect(options);
  const services: Record<string, Record<string, unknown>> = {};
  for (const [name, operation] of Object.entries(operations)) {
    const [service = "", method = ""] = name.split(".");
    const send = operation.output === "ndjson" ? stream : operation.input === "ndjson" ? callWithLines : call;
    services[service] ??= {};
    services[service][method] = (...args: unknown[]) => send(connection, operation, args);
  }
  // The compiler checks that the table has every method of every service; responses are checked at run time.
  const client: unknown = services;
  return client as DaoClient;
}

async function call(connection: Connection, operation: Operation, args: readonly unknown[]): Promise<unknown> {
  const request = requestOf(operation, args);
  const isJson = operation.input === "body";
  const body = isJson ? { mediaType: "application/json", content: jsonBody(request.input) } : undefined;
  const attempts = connection.attempts(request);
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

async function callWithLines(connection: Connection, operation: Operation, args: readonly unknown[]): Promise<unknown> {
  const request = requestOf(operation, args);
  const lines = new SentLines(request.input);
  const content = (sent: HttpCall) => lines.toStream(request.timeout === undefined ? sent : undefined);
  try {
    const sent = await connection.open(request, connection.attempts(request), { mediaType: NDJSON, content });
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
): AsyncGenerator<unknown, void, undefined> {
  const { onCursor }: StreamOptions = Object(args[1]);
  yield* rowsOf(connection, requestOf(operation, args), onCursor);
}
