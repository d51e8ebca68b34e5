import type {
  BatchOperationName,
  BatchOperations,
  BatchResults,
  CallOptions,
  ChangePage,
  DaoServices,
  StreamOptions,
} from "@flux/dao-core/contract";
import type { Operation } from "../api/operation.ts";
import { type KeyedOperation, operations } from "../api/operations.gen.ts";
import { CHANGES_WAIT, CLIENT_CHANGES, FOLLOWER_PAUSE } from "../wire/limits.ts";
import { partsOf, resultsOf } from "./batch.ts";
import { type Body, type Connection, connect, type DaoClientOptions } from "./connection.ts";
import type { ResponseHead } from "./errors.ts";
import type { HttpCall } from "./http-call.ts";
import { type CallRequest, requestOf, toQueryString } from "./request.ts";
import { jsonBody, SentLines } from "./request-body.ts";
import { resultOf } from "./response.ts";
import { rowsOf } from "./row-stream.ts";
import { pause } from "./waiting.ts";

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

type ClientServices = {
  readonly [Service in Exclude<keyof DaoServices, "batch">]: {
    readonly [Method in keyof DaoServices[Service] & string]: `${Service}.${Method}` extends KeyedOperation
      ? PostMethod<DaoServices[Service][Method]>
      : DaoServices[Service][Method];
  };
};

/** The seven services; calls by POST, except imports, also accept an idempotency key. */
export interface DaoClient extends ClientServices {
  /** {@link DaoServices.batch}, as one request. The service runs it again after a serialization failure, up to nine times. */
  batch<const Names extends readonly [] | readonly BatchOperationName[]>(
    operations: BatchOperations<Names>,
    options?: CallOptions & KeyOptions,
  ): Promise<BatchResults<Names>>;
}

/**
 * Creates a client: the seven services over HTTP, with the same methods, DTOs and errors as in-process. Only in a
 * batch can the `id` of a new row be supplied.
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
  const { batch, ...others } = operations;
  const services: Record<string, Record<string, unknown>> = {};
  for (const [name, operation] of Object.entries(others)) {
    const [service = "", method = ""] = name.split(".");
    const send = name === "changes.followChanges" ? follow : senderOf(operation);
    services[service] ??= {};
    services[service][method] = (...args: unknown[]) => send(connection, operation, args);
  }
  // The compiler checks that the table has every method of every service; responses are checked at run time.
  const client: unknown = { ...services, batch: (...args: unknown[]) => callBatch(connection, batch, args) };
  return client as DaoClient;
}

/** Sends the call of a method with these arguments. */
type Send = (connection: Connection, operation: Operation, args: readonly unknown[]) => unknown;

function senderOf({ input, output }: Operation): Send {
  if (output === "ndjson") return stream;
  return input === "ndjson" ? callWithLines : call;
}

const call: Send = async (connection, operation, args) => {
  const request = requestOf(operation, args);
  const body = operation.input === "body" ? jsonBody(request.input) : undefined;
  return exchange(connection, request, body, (head, text) => resultOf(head, text, operation));
};

const callBatch: Send = async (connection, batch, [list, options]) => {
  const request = requestOf(batch, [undefined, options]);
  const parts = partsOf(list);
  const body = `{"operations":[${parts.map(({ text }) => text).join(",")}]}`;
  return exchange(connection, request, body, (head, text) => resultsOf(head, text, batch, parts));
};

async function exchange(
  connection: Connection,
  request: CallRequest,
  body: Body | undefined,
  read: (head: ResponseHead, text: string) => unknown,
  attempts = connection.attempts(request),
): Promise<unknown> {
  for (;;) {
    let sent: HttpCall | undefined;
    try {
      sent = await connection.open(request, attempts, body);
      return read(sent.head, await sent.text());
    } catch (error) {
      await attempts.next(error, sent?.head);
    }
  }
}

const callWithLines: Send = async (connection, operation, args) => {
  const request = requestOf(operation, args);
  const lines = new SentLines(request.input);
  const body = (sent: HttpCall) => lines.toStream(request.timeout === undefined ? sent : undefined);
  try {
    const sent = await connection.open(request, connection.attempts(request), body);
    return resultOf(sent.head, await sent.text(), operation);
  } catch (error) {
    throw lines.failure === undefined ? error : lines.failure.error;
  } finally {
    await lines.close();
  }
};

const stream: Send = async function* (connection, operation, args) {
  const { onCursor }: StreamOptions = Object(args[1]);
  yield* rowsOf(connection, requestOf(operation, args), onCursor);
};

/**
 * Follows changes by requesting a page after another, each of which the service keeps waiting until there is a change: whole responses
 * pass every proxy, and one that is lost is requested again after the same cursor.
 */
const follow: Send = async function* (connection, operation, args) {
  const { onCursor }: StreamOptions = Object(args[1]);
  const request = requestOf(operation, args);
  const list = operations["changes.listChanges"];
  const parameters = { ...Object(request.input), limit: CLIENT_CHANGES };
  // The first page comes at once: a second request for "now" would miss what happened since the first.
  for (let hasBegun = false; ; hasBegun = true) {
    const since = performance.now();
    const wait = hasBegun ? CHANGES_WAIT : 0;
    const target = list.path + toQueryString({ ...parameters, wait }, list.query ?? {});
    const page = { ...request, operation: list, target };
    const attempts = connection.attempts(page, CHANGES_WAIT * 1_000, hasBegun);
    const read = (head: ResponseHead, text: string) => resultOf(head, text, list);
    // Its shape is checked.
    const { items, nextCursor, hasNext } = (await exchange(connection, page, undefined, read, attempts)) as ChangePage;
    for (const change of items) {
      request.signal?.throwIfAborted();
      yield change;
    }
    if (nextCursor !== parameters.cursor) onCursor?.(nextCursor);
    parameters.cursor = nextCursor;
    // A service that stops does not wait, and may be asked again before another takes its place.
    const isEarly = hasBegun && items.length === 0 && !hasNext && performance.now() - since < FOLLOWER_PAUSE;
    if (isEarly) await pause(Math.random() * FOLLOWER_PAUSE, request.signal);
  }
};
