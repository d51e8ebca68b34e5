import type { CallOptions } from "../contract/call-options.ts";
import type { Page } from "../contract/page.ts";
import { type TaskDto, type TaskFilter, taskFilter } from "../contract/task.ts";
import { validate } from "../contract/validation.ts";
import type { DatabaseSession } from "../session/database-session.ts";

/** Tasks that are read at a time. */
const PAGE_SIZE = 1_000;

/** Every task that the filter selects, page by page behind a cursor. */
export async function* streamTasks(
  session: DatabaseSession,
  filter: TaskFilter,
  options: CallOptions = {},
): AsyncGenerator<TaskDto, void, undefined> {
  const valid = validate(taskFilter, filter);
  const left = new AbortController();
  const { signal: callers } = options;
  const signal = callers === undefined ? left.signal : AbortSignal.any([callers, left.signal]);
  const read = (cursor?: string): Promise<Page<TaskDto>> =>
    session.tasks.list({ ...valid, limit: PAGE_SIZE, cursor, count: "none" }, { ...options, signal });
  let ahead: Promise<Page<TaskDto>> | undefined;
  try {
    for (let cursor: string | null | undefined; cursor !== null; ) {
      const page: Page<TaskDto> = await (ahead ?? read(cursor));
      cursor = page.nextCursor;
      ahead = cursor === null || session.isTransaction ? undefined : readAhead(read(cursor));
      for (const task of page.items) yield task;
    }
  } finally {
    left.abort();
    await ahead?.catch(() => undefined);
  }
}

/** A page that is read while the one before it is looked at. If it fails, that is heard when its turn comes. */
function readAhead<Result>(page: Promise<Result>): Promise<Result> {
  page.catch(() => undefined);
  return page;
}
