import { type DaoServices, isDaoError } from "@flux/dao-core";

/**
 * Observer: follows the user's tasks from the cursor on, and yields how many were completed, as it happens. A change says which task was
 * written, so the task is read for its state.
 */
export async function* countCompletions(
  { changes, tasks }: DaoServices,
  userId: string,
  cursor: string,
): AsyncGenerator<number> {
  const completed = new Set<string>();
  for await (const { id, operation } of changes.followChanges({ cursor, entity: "task", userId })) {
    if (id === null || operation === "deleted" || completed.has(id)) continue;
    const task = await tasks.getTask(id).catch((error: unknown) => {
      // It was deleted since; that change follows.
      if (isDaoError(error) && error.code === "not_found") return undefined;
      throw error;
    });
    if (task?.state === "completed") yield completed.add(id).size;
  }
}
