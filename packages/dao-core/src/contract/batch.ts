import * as z from "zod";
import type { CallOptions } from "./call-options.ts";
import { dtoRegistry, exampleIds, exampleOf } from "./dto-registry.ts";
import { id } from "./fields/scalars.ts";
import { goalCreateDto, goalDto } from "./goal.ts";

/** Maximum number of operations in one batch. */
export const MAX_BATCH_OPERATIONS = 100;

/** An operation of a batch over HTTP: a request of the API, in JSON. */
export const batchOperationDto = z
  .strictObject({
    method: z.enum(["GET", "POST", "PATCH", "PUT", "DELETE"]),
    path: z
      .string()
      .regex(/^\/[^#]*$/, { error: "must be a path of this API, such as /api/v1/goals/, without scheme and host" })
      .meta({ description: "With its query string, if the operation has parameters." }),
    body: z.unknown().optional().meta({ description: "The JSON body that the operation takes." }),
    id: id().optional().meta({ description: "Of the row that the operation creates. Default: a new UUIDv7." }),
    ifMatch: z
      .string()
      .optional()
      .meta({ description: "As the header If-Match: * or a list of entity-tags, with their quotation marks." }),
    ifNoneMatch: z
      .literal("*")
      .optional()
      .meta({ description: "As the header If-None-Match of a PUT: the row is created, not replaced." }),
  })
  .register(dtoRegistry, {
    id: "BatchOperation",
    example: { method: "POST", path: "/api/v1/goals/", body: exampleOf(goalCreateDto), id: exampleIds.goal },
  });

export const batchRequest = z
  .object({ operations: z.array(batchOperationDto).min(1).max(MAX_BATCH_OPERATIONS) })
  .register(dtoRegistry, { id: "BatchRequest", example: { operations: [exampleOf(batchOperationDto)] } });

export const batchResult = z
  .object({
    results: z.array(
      z.object({
        status: z.int().meta({ description: "The status that the operation has by itself." }),
        body: z.unknown().optional().meta({ description: "The body that it has by itself, if any." }),
      }),
    ),
  })
  .register(dtoRegistry, {
    id: "BatchResult",
    example: { results: [{ status: 201, body: exampleOf(goalDto) }] },
  });

/** The options of a batch. */
export interface BatchOptions extends CallOptions {
  /**
   * How often the batch is run again, as a whole, after a serialization failure or deadlock. In-process only: a service always
   * does so five times. Default 5, and 0 within a unit of work.
   */
  readonly retries?: number | undefined;
}
