import { v7 } from "uuid";

/** The id of a new row: a UUIDv7, so that ids sort roughly by creation. */
export function newId(): string {
  return v7();
}
