import * as z from "zod";

/**
 * The schemas that have a name in the OpenAPI document: the bodies of requests and responses, and named parts of them. Each
 * has an example of valid input, which the document shows.
 */
export const dtoRegistry = z.registry<{ id: string; example: z.$input }>();
