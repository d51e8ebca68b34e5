import * as z from "zod";
import type { CreateOptions } from "../call-options.ts";
import { ValidationError } from "../errors.ts";

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const mustBeUuid = "must be a UUID, such as 0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d6e";

function explainId(value: unknown): string {
  if (value === undefined) return "is required";
  return mustBeUuid;
}

/** A UUID in 8-4-4-4-12 hex form with any version bits; parsed to lower case (contract, "Data"). */
export function id() {
  return z
    .string({ error: (issue) => explainId(issue.input) })
    .regex(uuidPattern, { error: mustBeUuid })
    .transform((value) => value.toLowerCase())
    .meta({ type: "string", format: "uuid" });
}

/**
 * Parses the id that a call names, to lower case.
 * @throws ValidationError if it is not a UUID
 */
export function parseId(value: unknown, field = "id"): string {
  if (typeof value === "string" && uuidPattern.test(value)) return value.toLowerCase();
  throw new ValidationError([{ path: field, message: explainId(value) }]);
}

/**
 * Returns create options whose client-supplied id, if there is one, is in lower case.
 * @throws ValidationError if it is not a UUID
 */
export function withValidId(options: CreateOptions | undefined): CreateOptions | undefined {
  return options?.id === undefined ? options : { ...options, id: parseId(options.id) };
}
