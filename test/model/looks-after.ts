import { type Operation, op } from "./operation.ts";

/** What is read behind an operation that answers nothing of the rows that it makes. */
export function looksAfter({ method }: Operation): readonly Operation[] {
  return method === "tasks.createTasks" ? [op("tasks.streamTasks")] : [];
}
