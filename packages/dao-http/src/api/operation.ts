import type { OperationName } from "@flux/dao-core/contract";

/** One operation of the REST API at run time, for the server and the client. Plain data, generated from `scripts/api/routes.ts`. */
export interface Operation {
  readonly method: "GET" | "POST" | "PATCH" | "PUT" | "DELETE";
  /** The path's template, with at most one parameter: `/api/v1/tasks/{task_id}`. */
  readonly path: string;
  /** The service's name for the id in the path. Absent if the path has none. */
  readonly id?: "id" | "userId";
  /** Where the service's input is: query string, JSON body, NDJSON body, or none. */
  readonly input: "none" | "query" | "body" | "ndjson";
  /** The parameters of the query string, if the input is there. */
  readonly query?: QueryParameters;
  /** Of a successful response. */
  readonly status: 200 | 201 | 204;
  /** Present if the response is NDJSON. */
  readonly output?: "ndjson";
  /** The result, or each row of a stream. Absent if there is none. */
  readonly result?: Shape;
  /** Present for operations on one whole row, which has a version, its `ETag`. */
  readonly row?: true;
  /** Which preconditions it takes: reads of a row take `If-Match` and `If-None-Match`, writes `If-Match`, and a PUT `If-None-Match: *`. */
  readonly preconditions?: "read" | "write";
  /** Present if a request may have an idempotency key. An import may not: it takes effect while its body is being read. */
  readonly keyed?: true;
  /** The path's template of the row that the operation creates. */
  readonly location?: string;
}

/** An operation of a service, or `batch`, which is several of them. */
export type RouteName = OperationName | "batch";

export type OperationTable = Readonly<Record<RouteName, Operation>>;

/** How the text of a query parameter is read. */
export type ScalarKind = (typeof SCALARS)[number];
const SCALARS = ["text", "number", "boolean", "instant"] as const;

/**
 * A scalar, or a filter: by one or several values, each a parameter; or by a range, whose ends are the parameters `start_time_from`
 * and `start_time_before`. A filter that may be null is then `is_null=start_time`. A list names the fields of an order.
 */
export type ParameterKind = ScalarKind | `${ScalarKind} ${"list" | "range"}${"" | " or null"}` | readonly string[];

/** The scalar that a parameter is, or filters by. */
export function scalarOf(kind: Exclude<ParameterKind, readonly string[]>): ScalarKind {
  return SCALARS.find((scalar) => kind.startsWith(scalar)) ?? "text";
}

/** Query parameters by the service's names for them. */
export type QueryParameters = Readonly<Record<string, ParameterKind>>;

/** A scalar of JSON; `json` is any value. */
type Scalar = "string" | "number" | "boolean" | "instant" | "json";

/** The shape of a result: a scalar, the fields of an object, a list of one shape, or a shape that may be null. */
export type Shape =
  | Scalar
  | `${Scalar} or null`
  | { readonly [name: string]: Shape }
  | readonly [item: Shape]
  | readonly [item: Shape, orNull: null];

/** The header with the position of writes, in responses to them, and in reads that must see them; in lower case. */
export const POSITION_HEADER = "flux-position";

/** In place of a position that is not known: the read must see every write that was committed before. */
export const LATEST = "latest";

/** A position of the data layer, or {@link LATEST}. Of two positions the later is the greater text, and {@link LATEST} the last. */
export const POSITION_PATTERN = /^(?:[0-9A-F]{16}|latest)$/;
