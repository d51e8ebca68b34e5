import type { DaoServices } from "@flux/dao-core/contract";
import type { QueryParameters, QueryParametersFor } from "./query-parameters.ts";

/** The name of a service: `users`, `goals`, … */
export type ServiceName = keyof DaoServices;

/** One operation of the REST API, as far as both the server and the client need to know it. Plain data. */
export interface Operation {
  readonly method: "GET" | "POST" | "PATCH" | "PUT" | "DELETE";
  /** Path with at most one parameter: `/api/v1/tasks/{task_id}`. */
  readonly path: `/api/v1/${string}`;
  /** What the service calls the id that the path holds. Absent where the path holds none. */
  readonly id?: "id" | "userId";
  /** Where the service's input is: in the query string, in the JSON body, in a body of one JSON text a line, or nowhere. */
  readonly input: "none" | "query" | "body" | "ndjson";
  /** What the query string can hold, if the input is there. */
  readonly query?: QueryParameters;
  /** Present where it is about one row as a whole: that row has a version, which is its `ETag`. */
  readonly row?: true;
  /** Present where the answer has one JSON text a line. */
  readonly output?: "ndjson";
}

/** Whether an idempotency key can stand for its request: not for one that is worked on while it comes in. */
export function takesIdempotencyKey({ method, input }: Operation): boolean {
  return method === "POST" && input !== "ndjson";
}

interface WithId {
  readonly path: `/api/v1/${string}{${string}}${string}`;
  readonly id: "id" | "userId";
}

interface WithoutId {
  readonly id?: never;
}

type WithInput<Input> =
  | { readonly input: "body"; readonly query?: never }
  | { readonly input: "query"; readonly query: QueryParametersFor<Input> };

interface WithoutInput {
  readonly input: "none";
  readonly query?: never;
}

interface WithLines {
  readonly input: "ndjson";
  readonly query?: never;
}

/** A method whose call can depend on the version of a row is about one row. */
type OfRow<Options> = "ifVersion" extends keyof Options ? { readonly row: true } : unknown;

/** The operations that can stand for a service method, by its arguments; the last of them are the call's options. */
type OperationFor<Method> = Method extends (...args: infer Args) => AsyncIterable<unknown>
  ? Operation & WithoutId & WithInput<NonNullable<Args[0]>> & { readonly output: "ndjson" }
  : AwaitedOperationFor<Method>;

type AwaitedOperationFor<Method> = Method extends (...args: infer Args) => Promise<unknown>
  ? Required<Args> extends readonly [infer First, infer Options]
    ? First extends string
      ? Operation & WithId & WithoutInput & OfRow<Options>
      : Operation & WithoutId & (First extends Iterable<unknown> ? WithLines : WithInput<First>) & OfRow<Options>
    : Required<Args> extends readonly [string, infer Second, infer Options]
      ? Operation & WithId & WithInput<Second> & OfRow<Options>
      : never
  : never;

/** An entry for every method of every service: a method without one does not compile, nor does one without a method. */
export type OperationTable = {
  readonly [Service in ServiceName]: {
    readonly [Method in keyof DaoServices[Service]]: OperationFor<DaoServices[Service][Method]>;
  };
};

/** Where an operation takes preconditions: `If-Match` for both, `If-None-Match` for reads alone. */
export type PreconditionUse = "read" | "write" | "none";

export function preconditionUse({ row, method }: Operation): PreconditionUse {
  if (row === undefined || method === "POST") return "none";
  return method === "GET" ? "read" : "write";
}
