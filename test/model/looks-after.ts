import { type Operation, op } from "./operation.ts";

/** Reads that follow an operation which does not return the rows that it creates. */
export function looksAfter({ method }: Operation): readonly Operation[] {
  return method === "tasks.createTasks" ? [op("tasks.streamTasks")] : [];
}
