import type { StreamOptions } from "../contract/call-options.ts";
import { validate } from "../contract/fields/validation.ts";
import type { Page } from "../contract/page.ts";
import { type TaskDto, type TaskStreamRequest, taskStreamRequest } from "../contract/task.ts";
import type { DatabaseSession } from "../session/database-session.ts";
import { withEitherSignal } from "../session/waiting/abort-signal.ts";

/** Tasks that are read at a time. */
const PAGE_SIZE = 250;

/**
 * Pages that are read before they are asked for, of all streams of this process together. A few streams are faster by that. Many
 * of them keep the process busy without, and each page that waits for its reader costs time, too, whenever memory is collected.
 */
const MOST_AHEAD = 8;
let pagesAhead = 0;

/** Every task that the filter selects, or that comes after the cursor, page by page. */
export async function* streamTasks(
  session: DatabaseSession,
  request: TaskStreamRequest,
  { onCursor, ...options }: StreamOptions = {},
): AsyncGenerator<TaskDto, void, undefined> {
  const { cursor: start, ...filter } = validate(taskStreamRequest, request);
  const left = new AbortController();
  const read = (cursor?: string): Promise<Page<TaskDto>> =>
    withEitherSignal(options.signal, left.signal, (signal) =>
      session.tasks.list({ ...filter, limit: PAGE_SIZE, cursor, count: "none" }, { ...options, signal }),
    );
  let ahead: Promise<Page<TaskDto>> | undefined;
  const takeAhead = () => {
    if (ahead !== undefined) pagesAhead--;
    const page = ahead;
    ahead = undefined;
    return page;
  };
  try {
    for (let cursor: string | null | undefined = start; cursor !== null; ) {
      const page: Page<TaskDto> = await (takeAhead() ?? read(cursor));
      cursor = page.nextCursor;
      if (cursor !== null && !session.isTransaction && pagesAhead < MOST_AHEAD) {
        pagesAhead++;
        ahead = readAhead(read(cursor));
      }
      for (const task of page.items) yield task;
      if (cursor !== null) onCursor?.(cursor);
    }
  } finally {
    left.abort();
    await takeAhead()?.catch(() => undefined);
  }
}

/** A page that is read while the one before it is looked at. If it fails, that is heard when its turn comes. */
function readAhead<Result>(page: Promise<Result>): Promise<Result> {
  page.catch(() => undefined);
  return page;
}
