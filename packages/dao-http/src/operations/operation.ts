import type { DaoServices } from "@flux/dao-core/contract";

/** The name of a service: `users`, `goals`, … */
export type ServiceName = keyof DaoServices;

/** One operation of the REST API, as far as both the server and the client need to know it. Plain data. */
export interface Operation {
  readonly method: "GET" | "POST" | "PATCH" | "PUT" | "DELETE";
  /** Path with at most one parameter: `/api/v1/tasks/{task_id}`. */
  readonly path: `/api/v1/${string}`;
  /** What the service calls the id that the path holds. Absent where the path holds none. */
  readonly id?: "id" | "userId";
  /** Where the service's input is: in the query string, in the JSON body, or nowhere. */
  readonly input: "none" | "query" | "body";
}

interface ById extends Operation {
  readonly path: `/api/v1/${string}{${string}}${string}`;
  readonly id: "id" | "userId";
  readonly input: "none";
}

interface ByIdWithInput extends Operation {
  readonly path: `/api/v1/${string}{${string}}${string}`;
  readonly id: "id" | "userId";
  readonly input: "query" | "body";
}

interface WithInput extends Operation {
  readonly id?: never;
  readonly input: "query" | "body";
}

/** The operations that can stand for a service method, by its arguments; the last of them are the call's options. */
export type OperationFor<Method> = Method extends (...args: infer Args) => Promise<unknown>
  ? Required<Args> extends readonly [infer First, unknown]
    ? First extends string
      ? ById
      : WithInput
    : Required<Args> extends readonly [string, unknown, unknown]
      ? ByIdWithInput
      : never
  : never;

/** An entry for every method of every service: a method without one does not compile, nor does one without a method. */
export type OperationTable = {
  readonly [Service in ServiceName]: {
    readonly [Method in keyof DaoServices[Service]]: OperationFor<DaoServices[Service][Method]>;
  };
};
