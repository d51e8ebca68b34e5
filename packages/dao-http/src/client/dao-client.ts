import type { CallOptions, DaoServices } from "@flux/dao-core/contract";
import type { Operation } from "../operations/operation.ts";
import { operations } from "../operations/operations.ts";
import { decode } from "../wire/decode.ts";
import { encode } from "../wire/encode.ts";
import { Connection, type ConnectionOptions, parseAnswer } from "./connection.ts";
import { checkBody, checkedId } from "./input-check.ts";
import { toQueryString } from "./query-string.ts";
import { toResponseError } from "./response-error.ts";

/** How to reach the service. */
export type DaoClientOptions = ConnectionOptions;

/**
 * The six services over HTTP: the same methods, DTOs and errors as in-process.
 *
 * ```ts
 * const { tasks } = createDaoClient({ baseUrl: "http://flux-dao-service:8000", serviceKey: "scheduler-key-def" });
 * const { updatedCount } = await tasks.bulkUpdateState({ taskIds, newState: "drifted" });
 * ```
 *
 * Beyond what the services throw, a call throws {@link InvalidServiceKeyError} and {@link UnexpectedResponseError}. It is
 * sent once; what to try again is for the caller to say.
 *
 * @throws TypeError for a base URL that is none
 */
export function createDaoClient(options: DaoClientOptions): DaoServices {
  const connection = new Connection(options);
  const services: unknown = Object.fromEntries(
    Object.entries(operations).map(([name, table]) => [name, createService(table, connection)]),
  );
  // The table has every method of every service, which the compiler checks where it is written; what the network
  // answers, it cannot check.
  return services as DaoServices;
}

type RemoteMethod = (...args: unknown[]) => Promise<unknown>;

function createService(
  table: Readonly<Record<string, Operation>>,
  connection: Connection,
): Record<string, RemoteMethod> {
  return Object.fromEntries(
    Object.entries(table).map(([name, operation]): [string, RemoteMethod] => [
      name,
      (...args) => call(connection, operation, args),
    ]),
  );
}

async function call(connection: Connection, operation: Operation, args: readonly unknown[]): Promise<unknown> {
  const rest = operation.id === undefined ? args : args.slice(1);
  const [input, options] = operation.input === "none" ? [undefined, rest[0]] : rest;
  const path = operation.id === undefined ? operation.path : pathOf(operation.path, checkedId(args[0], operation.id));
  const query = operation.query === undefined ? "" : toQueryString(input ?? {}, operation.query);
  if (operation.input === "body") checkBody(input);
  const answer = await connection.send({
    method: operation.method,
    target: path + query,
    body: operation.input === "body" ? encode(input) : undefined,
    signal: (options as CallOptions | undefined)?.signal,
  });
  if (answer.status === 204) return undefined;
  const body = parseAnswer(answer);
  if (answer.status === 200 || answer.status === 201) return decode(body, readInstant);
  throw toResponseError({ status: answer.status, requestId: answer.requestId, body }, operation);
}

function pathOf(template: string, id: string): string {
  return template.replace(/\{\w+\}/, () => encodeURIComponent(id));
}

/** The service writes instants in one form only, which every runtime reads. */
function readInstant(text: string): Date | undefined {
  const instant = new Date(text);
  return Number.isNaN(instant.getTime()) ? undefined : instant;
}
