import { countDto, type DaoServices, type OperationName, pageOf } from "@flux/dao-core/contract";
import * as z from "zod";
import type { Operation } from "../../packages/dao-http/src/api/operation.ts";
import type { ProblemCode } from "../../packages/dao-http/src/http/problem.ts";

/** The declaration of an operation, from which server, client and OpenAPI document are derived. */
export interface Route extends Pick<Operation, "method" | "row"> {
  /** With at most one parameter: `/api/v1/tasks/{task_id}`. */
  readonly path: `/api/v1/${string}`;
  /** The service's name for the id in the path. Default `id`. */
  readonly id?: "userId";
  readonly summary: string;
  readonly description?: string | undefined;
  /** Of a successful response. Default 200, or 204 without `output` or `outputLines`. */
  readonly status?: 201;
  /** The query string, if the operation's input is there. */
  readonly query?: z.ZodObject;
  /** The JSON body, if the operation's input is there. */
  readonly body?: z.ZodType;
  /** Each line of an NDJSON body. */
  readonly bodyLines?: z.ZodType;
  /** The response's body. */
  readonly output?: z.ZodType;
  /** Each line of an NDJSON response. */
  readonly outputLines?: z.ZodType;
  /** The path of the row that the operation creates. */
  readonly location?: Route["path"];
  /** The codes of its problems, besides those of every operation. */
  readonly errors?: readonly ProblemCode[];
}

type WithId = { readonly path: `/api/v1/${string}{${string}}${string}` };

type NoInput = { readonly query?: never; readonly body?: never; readonly bodyLines?: never };

type Input<In> =
  | (Omit<NoInput, "query"> & { readonly method: "GET"; readonly query: z.ZodObject & z.ZodType<unknown, In> })
  | (Omit<NoInput, "body"> & { readonly method: "POST" | "PATCH" | "PUT"; readonly body: z.ZodType<unknown, In> });

type InputLines<Item> = Omit<NoInput, "bodyLines"> & {
  readonly method: "POST";
  readonly bodyLines: z.ZodType<unknown, Item>;
};

type Output<Result> = Result extends void
  ? { readonly output?: never; readonly outputLines?: never }
  : { readonly output: z.ZodType<Result>; readonly outputLines?: never };

/** A method that can require a version is about one row. */
type OfRow<Options> = "ifVersion" extends keyof Options ? { readonly row: true } : unknown;

/** What a method's arguments require of its route; the last one is the call's options. */
type FromArguments<Args> = Args extends readonly [infer First, infer Options]
  ? OfRow<Options> &
      (First extends string ? WithId & NoInput : First extends Iterable<infer Item> ? InputLines<Item> : Input<First>)
  : Args extends readonly [string, infer Second, infer Options]
    ? OfRow<Options> & WithId & Input<Second>
    : never;

type RouteFor<Method> = Method extends (...args: infer Args) => infer Returned
  ? Route &
      FromArguments<Required<Args>> &
      (Returned extends AsyncIterable<infer Row>
        ? { readonly outputLines: z.ZodType<Row>; readonly output?: never }
        : Returned extends Promise<infer Result>
          ? Output<Result>
          : never)
  : never;

/** A route for each method of every service, with that method's schemas; checked by the compiler. */
export type Routes = {
  readonly [Name in OperationName]: Name extends `${infer Service extends keyof DaoServices}.${infer Method}`
    ? RouteFor<Method extends keyof DaoServices[Service] ? DaoServices[Service][Method] : never>
    : never;
};

const filterDescription =
  "Filters apply together. Of several values of one parameter (state=drifted&state=missed, up to 100) any may match; the end of a " +
  "range, such as start_time_before, is not included; is_null=milestone_id selects rows without a milestone.";

const listDescription =
  "One page, newest first or as sort says: by number, or after the next_cursor of the previous page, which is as fast on the last page " +
  `as on the first. ${filterDescription}`;

const streamDescription = (noun: string) =>
  `Every ${noun} that the filter matches, newest first, one per line, in constant memory. A response that cannot be completed is ` +
  "aborted, not ended. Not every client and proxy can tell the difference (over HTTP/1.0 none reliably can): request cursors. " +
  `Then a line {"next_cursor":"..."} follows at most a thousand ${noun}s, and {"next_cursor":null} is the last line: without ` +
  "it the response is incomplete, and continues after the last cursor.";

/** The parameter that all streams have, besides the filter. */
export const streamShape = {
  cursors: z
    .boolean()
    .optional()
    .meta({
      description: "Whether lines with cursors come between the rows, and one at the end. Default false.",
      examples: [true],
    }),
};

/** The routes that most entities have; `id` is the name of the id in paths. */
export function rowRoutes<
  Noun extends string,
  Id extends string,
  Row extends z.ZodType,
  List extends z.ZodObject,
  Filter extends z.ZodObject,
>(noun: Noun, id: Id, output: Row, queries: { readonly list: List; readonly filter: Filter }) {
  const rows = `/api/v1/${noun}s/` as const;
  const path = `${rows}{${id}}` as const;
  const get = { method: "GET", path, row: true, summary: `Get a ${noun}`, output, errors: ["not_found"] } as const;
  return {
    get,
    list: {
      method: "GET",
      path: rows,
      summary: `List ${noun}s`,
      description: listDescription,
      query: queries.list,
      output: pageOf(output),
    } as const,
    stream: <Query extends z.ZodObject>(query: Query) =>
      ({
        method: "GET",
        path: `${rows}stream`,
        summary: `Stream ${noun}s`,
        description: streamDescription(noun),
        query,
        outputLines: output,
      }) as const,
    count: {
      method: "GET",
      path: `${rows}count`,
      summary: `Count ${noun}s`,
      description: "How many rows the filter matches, counted exactly.",
      query: queries.filter,
      output: countDto,
    } as const,
    create: <Body extends z.ZodType>(body: Body, error: ProblemCode) =>
      ({
        method: "POST",
        path: rows,
        row: true,
        summary: `Create a ${noun}`,
        status: 201,
        body,
        output,
        location: path,
        errors: [error],
      }) as const,
    update: <Body extends z.ZodType>(body: Body, description: string, ...errors: readonly ProblemCode[]) =>
      ({
        ...get,
        method: "PATCH",
        summary: `Update a ${noun}`,
        description,
        body,
        errors: ["not_found", ...errors],
      }) as const,
    delete: (description?: string) =>
      ({ method: "DELETE", path, row: true, summary: `Delete a ${noun}`, description, errors: ["not_found"] }) as const,
  };
}
