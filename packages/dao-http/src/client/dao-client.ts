import type { DaoServices, StreamOptions } from "@flux/dao-core/contract";
import type { Operation } from "../api/operation.ts";
import { operations } from "../api/operations.ts";
import { encode } from "../wire/encode.ts";
import { results } from "../wire/results.ts";
import type { AnyShape } from "../wire/shape.ts";
import { type ClientOptions, headersOf } from "./call-headers.ts";
import { type Call, Connection, type ConnectionOptions } from "./connection.ts";
import type { Answer } from "./foreign-answer.ts";
import { checkBody, checkedId, checkTimeout } from "./input-check.ts";
import { SentLines } from "./ndjson.ts";
import { toQueryString } from "./query-string.ts";
import { type ClientOperation, resultOf } from "./result.ts";
import { Attempts, type RetryOptions } from "./retry.ts";
import { streamRows } from "./row-stream.ts";

/** How to reach the service. */
export interface DaoClientOptions extends ConnectionOptions {
  /** How calls are sent again. `false` sends each once. Default: two retries of what can be sent twice. */
  readonly retry?: RetryOptions | false | undefined;
}

/** What a call that is sent by POST takes beside what its service does. */
export interface KeyOptions {
  /**
   * The request's name, unique for each: a UUID, or `invoice-2026-02`. However often a request is sent under its key
   * within 24 hours, it is done once, and answered the same. 1 to 255 visible ASCII characters. Default: none; then a
   * request that is sent twice is done twice.
   */
  readonly idempotencyKey?: string | undefined;
}

/** The options of a call by POST: a row's id is made by the service, and a key does what choosing it would be for. */
type PostOptions<Options> = Omit<Options, "id"> & KeyOptions;

type PostMethod<Method> = Method extends (...args: infer Args) => infer Result
  ? Required<Args> extends readonly [infer Input, infer Options]
    ? (input: Input, options?: PostOptions<Options>) => Result
    : Required<Args> extends readonly [infer Id, infer Input, infer Options]
      ? (id: Id, input: Input, options?: PostOptions<Options>) => Result
      : never
  : never;

type ServiceMethods<Service, Table> = {
  readonly [Method in keyof Service]: Method extends keyof Table
    ? Table[Method] extends { readonly method: "POST"; readonly input: "body" }
      ? PostMethod<Service[Method]>
      : Service[Method]
    : never;
};

/** The six services, whose calls by POST also take an idempotency key; not those that send line by line. */
export type DaoClient = {
  readonly [Service in keyof DaoServices]: ServiceMethods<DaoServices[Service], (typeof operations)[Service]>;
};

/**
 * The six services over HTTP: the same methods, DTOs and errors as in-process. Only the `id` of a row to be created
 * cannot be chosen.
 *
 * ```ts
 * const { tasks } = createDaoClient({ baseUrl: "http://flux-dao-service:8000", serviceKey: "scheduler-key-def" });
 * const { updatedCount } = await tasks.bulkUpdateState({ taskIds, newState: "drifted" });
 * ```
 *
 * Beyond what the services throw, a call throws {@link InvalidServiceKeyError} and {@link UnexpectedResponseError}. What comes
 * is checked: an answer that is not the service's, or was damaged on the way, is an `UnavailableError`. A call that can be
 * sent twice is sent again after one ({@link RetryOptions}); what else to try again is for the caller to say.
 *
 * @throws TypeError for a base URL that is none
 */
export function createDaoClient(options: DaoClientOptions): DaoClient {
  const connection = new Connection(options);
  const retry = options.retry === false ? { retries: 0 } : options.retry;
  const shapes: Readonly<Record<string, ResultShapes>> = results;
  const services: unknown = Object.fromEntries(
    Object.entries(operations).map(([name, table]) => [
      name,
      createService(table, shapes[name] ?? {}, connection, retry),
    ]),
  );
  // The table has every method of every service, which the compiler checks where it is written; what the network
  // answers, it cannot check.
  return services as DaoClient;
}

type RemoteMethod = (...args: unknown[]) => unknown;

type ResultShapes = Readonly<Record<string, AnyShape | undefined>>;

function createService(
  table: Readonly<Record<string, Operation>>,
  shapes: ResultShapes,
  connection: Connection,
  retry: RetryOptions | undefined,
): Record<string, RemoteMethod> {
  return Object.fromEntries(
    Object.entries(table).map(([name, entry]): [string, RemoteMethod] => {
      const operation = { ...entry, result: shapes[name] };
      const send = operation.output === "ndjson" ? stream : call;
      return [name, (...args) => send(connection, operation, args, retry)];
    }),
  );
}

async function call(
  connection: Connection,
  operation: ClientOperation,
  args: readonly unknown[],
  retry: RetryOptions | undefined,
): Promise<unknown> {
  const request = requestOf(operation, args);
  if (operation.input === "ndjson") return callWithLines(connection, operation, request);
  const { input } = request;
  if (operation.input === "body") checkBody(input);
  const body = operation.input === "body" ? { mediaType: "application/json", content: encode(input) } : undefined;
  const attempts = new Attempts(request, operation, request.timeout ?? connection.timeout, retry);
  for (;;) {
    let answer: Answer | undefined;
    try {
      const { number: attempt, timeLeft: timeout } = attempts;
      answer = await connection.send({ ...request, body, timeout, attempt });
      return resultOf(answer, operation);
    } catch (error) {
      await attempts.next(error, answer);
    }
  }
}

/** A call whose arguments have been read. */
interface ReadRequest extends Omit<Call, "body"> {
  readonly input: unknown;
}

function requestOf(operation: Operation, args: readonly unknown[]): ReadRequest {
  const rest = operation.id === undefined ? args : args.slice(1);
  const [input, options] = operation.input === "none" ? [undefined, rest[0]] : rest;
  const path = operation.id === undefined ? operation.path : pathOf(operation.path, checkedId(args[0], operation.id));
  const query = operation.query === undefined ? "" : toQueryString(input ?? {}, operation.query);
  const { signal, timeout, ...others }: ClientOptions = options ?? {};
  checkTimeout(timeout);
  const headers = headersOf(others, operation);
  return { method: operation.method, target: path + query, path: operation.path, headers, signal, timeout, input };
}

async function callWithLines(
  connection: Connection,
  operation: ClientOperation,
  request: ReadRequest,
): Promise<unknown> {
  const lines = new SentLines(request.input as Iterable<unknown>, (item, number) => {
    checkBody(item, [String(number)]);
    return encode(item);
  });
  const body = { mediaType: "application/x-ndjson", content: lines.toStream() };
  try {
    return resultOf(await connection.send({ ...request, body }), operation);
  } catch (error) {
    throw lines.failure === undefined ? error : lines.failure.error;
  } finally {
    await lines.close();
  }
}

async function* stream(
  connection: Connection,
  operation: ClientOperation,
  args: readonly unknown[],
  retry: RetryOptions | undefined,
): AsyncGenerator<unknown, void, undefined> {
  const request = requestOf(operation, args);
  const { input, timeout = connection.timeout } = request;
  const { onCursor }: StreamOptions = Object(args[1]);
  const attempts = new Attempts(request, operation, timeout, retry);
  const open = (cursor: string | undefined) => {
    const { number: attempt, timeLeft } = attempts;
    const target = operation.path + toQueryString({ ...Object(input), cursor, cursors: true }, operation.query ?? {});
    return connection.open({ ...request, target, body: undefined, timeout: timeLeft, attempt });
  };
  const cursor: string | undefined = Object(input).cursor;
  yield* streamRows({ operation, attempts, open, cursor, onCursor });
}

function pathOf(template: string, id: string): string {
  return template.replace(/\{\w+\}/, () => encodeURIComponent(id));
}
