import { NotFoundError } from "../contract/errors.ts";

/**
 * The row that a DAO found.
 * @param what the entity in the singular, lower case
 * @throws NotFoundError if it found none
 */
export function found<Row>(what: string, id: string, row: Row | null): Row {
  if (row === null) throw new NotFoundError(what, id);
  return row;
}
