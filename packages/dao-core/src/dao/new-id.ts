import { v7 } from "uuid";

/** The id of a new row: a UUIDv7, so that ids are roughly in order of creation. */
export function newId(): string {
  return v7();
}
