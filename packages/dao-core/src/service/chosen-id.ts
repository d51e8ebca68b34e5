import type { CreateOptions } from "../contract/call-options.ts";
import { parseId } from "../contract/fields/id.ts";

/**
 * The options with the id that the caller chose in lower case.
 * @throws ValidationError for one that is no UUID
 */
export function withChosenId(options: CreateOptions | undefined): CreateOptions | undefined {
  return options?.id === undefined ? options : { ...options, id: parseId(options.id) };
}
