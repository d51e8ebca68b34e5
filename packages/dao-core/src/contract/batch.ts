import * as z from "zod";
import type { CallOptions } from "./call-options.ts";
import { described, dto, exampleOf, examples } from "./fields/described.ts";
import { id } from "./fields/scalars.ts";
import { goalCreateDto, goalDto } from "./goal.ts";

/** Maximum number of operations in one batch. */
export const MAX_BATCH_OPERATIONS = 100;

/** An operation of a batch over HTTP: a request of the API, in JSON. */
export const batchOperationDto = dto(
  "BatchOperation",
  "An operation of a batch: a request of this API.",
  z.strictObject({
    method: described(z.enum(["GET", "POST", "PATCH", "PUT", "DELETE"]), "The operation's HTTP method.", "POST"),
    path: described(
      z
        .string()
        .regex(/^\/[^#]*$/, { error: "must be a path of this API, such as /api/v1/goals/, without scheme and host" }),
      "The operation's path, with its query string if it has parameters.",
      "/api/v1/goals/",
    ),
    body: described(z.unknown(), "The JSON body that the operation takes.", exampleOf(goalCreateDto)).optional(),
    id: described(
      id(),
      "The id of the row that the operation creates. Default: a new UUIDv7.",
      examples.goal,
    ).optional(),
    ifMatch: described(
      z.string(),
      "As the header If-Match: * or a list of entity-tags, with their quotation marks.",
      '"kGmB3Qf0Zr1v9a_XyT-w2c"',
    ).optional(),
    ifNoneMatch: described(
      z.literal("*"),
      "As the header If-None-Match of a PUT: the row is created, not replaced.",
      "*",
    ).optional(),
  }),
  { method: "POST", path: "/api/v1/goals/", body: exampleOf(goalCreateDto), id: examples.goal },
);

export const batchRequest = dto(
  "BatchRequest",
  "Several operations, of which all take effect, or none.",
  z.object({
    operations: described(
      z.array(batchOperationDto).min(1).max(MAX_BATCH_OPERATIONS),
      "The operations, which run one after the other.",
      [exampleOf(batchOperationDto)],
    ),
  }),
);

export const batchResult = dto(
  "BatchResult",
  "The results of a batch.",
  z.object({
    results: described(
      z.array(
        z.object({
          status: described(z.int(), "The status that the operation has by itself.", 201),
          body: described(z.unknown(), "The body that it has by itself, if any.", exampleOf(goalDto)).optional(),
        }),
      ),
      "A result for each operation, in their order.",
      [{ status: 201, body: exampleOf(goalDto) }],
    ),
  }),
);

/** The options of a batch. */
export interface BatchOptions extends CallOptions {
  /**
   * How often the batch is run again, as a whole, after a serialization failure or deadlock, or if it finds a table altered.
   * In-process only: a service always does so nine times. Default 9, and 0 within a unit of work.
   */
  readonly retries?: number | undefined;
}
