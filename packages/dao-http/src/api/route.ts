import type { DaoServices } from "@flux/dao-core/contract";
import type { z } from "zod";
import type { ProblemCode } from "../http/http-error.ts";
import type { ServiceName } from "./operation.ts";
import type { operations } from "./operations.ts";

type Operations = typeof operations;

/** What the server and the OpenAPI document know of an operation, beyond what the client knows too. */
export interface Route {
  readonly summary: string;
  readonly description?: string;
  /** Of the answer when all went well. */
  readonly status: 200 | 201 | 204;
  /** Of the query string, if the operation's input is there. */
  readonly query?: z.ZodObject;
  /** Of the body, if the operation's input is there; of each line, where it has one JSON text a line. */
  readonly body?: z.ZodType;
  /** A body to begin with, as the documentation shows it. */
  readonly example?: object;
  /** Of the answer, or of each line of it; absent where it has no body. */
  readonly output?: z.ZodType;
  /** The operation of the same service at whose path the created row is from now on. */
  readonly location?: string;
  /** The codes of the errors that it answers beyond those that every operation does. */
  readonly errors: readonly ProblemCode[];
}

type Input<Args extends readonly unknown[]> =
  Required<Args> extends readonly [string, infer Second, unknown] ? Second : ItemOf<NonNullable<Args[0]>>;

/** What is sent or answered line by line has the schema of a line. */
type ItemOf<Value> = Value extends Iterable<infer Item> | AsyncIterable<infer Item> ? Item : Value;

type InputSchemas<Kind, In> = Kind extends "query"
  ? { readonly query: z.ZodObject & z.ZodType<unknown, In>; readonly body?: never }
  : Kind extends "body" | "ndjson"
    ? { readonly body: z.ZodType<unknown, In>; readonly example: In & object; readonly query?: never }
    : { readonly query?: never; readonly body?: never };

type OutputSchema<Output> = [Output] extends [undefined]
  ? { readonly status: 204; readonly output?: never }
  : { readonly status: 200 | 201; readonly output: z.ZodType<Output> };

type RouteFor<Method, Kind> = Method extends (
  ...args: infer Args
) => Promise<infer Output> | AsyncIterable<infer Output>
  ? Route & InputSchemas<Kind, Input<Args>> & OutputSchema<Output extends void ? undefined : Output>
  : never;

/** A route for each operation of a service, with schemas that are those of the service's method: the compiler sees to it. */
export type RoutesOf<Service extends ServiceName> = {
  readonly [Method in keyof DaoServices[Service] & keyof Operations[Service]]: RouteFor<
    DaoServices[Service][Method],
    Operations[Service][Method] extends { readonly input: infer Kind } ? Kind : never
  > & { readonly location?: keyof DaoServices[Service] };
};
