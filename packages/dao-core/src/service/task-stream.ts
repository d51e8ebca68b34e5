import type { CallOptions, StreamOptions } from "../contract/call-options.ts";
import { validate } from "../contract/fields/validation.ts";
import { type TaskDto, type TaskListRequest, type TaskStreamRequest, taskStreamRequest } from "../contract/task.ts";
import type { DatabaseSession } from "../session/database-session.ts";
import { MAX_PAGES_AHEAD, STREAM_PAGE_ROWS } from "../session/limits.ts";
import { throwIfAborted, withEitherSignal } from "../session/waiting/deadline.ts";

/** A page in pieces, or whole as a single piece. */
interface TaskPage {
  readonly rows: AsyncIterable<readonly TaskDto[]> | Iterable<readonly TaskDto[]>;
  readonly nextCursor: string | null;
}

/** How many pages the streams of this process are reading ahead. */
let pagesAhead = 0;

/** Streams every task that matches the filter (after the cursor, if one is given), page by page. */
export async function* streamTasks(
  session: DatabaseSession,
  request: TaskStreamRequest,
  { onCursor, ...options }: StreamOptions = {},
): AsyncGenerator<TaskDto, void, undefined> {
  const { cursor: start, ...filter } = validate(taskStreamRequest, request);
  const left = new AbortController();
  const read = (cursor?: string): Promise<TaskPage> =>
    withEitherSignal(options.signal, left.signal, (signal) =>
      readPage(session, { ...filter, limit: STREAM_PAGE_ROWS, cursor, count: "none" }, { ...options, signal }),
    );
  let ahead: Promise<TaskPage> | undefined;
  const takeAhead = () => {
    if (ahead !== undefined) pagesAhead--;
    const page = ahead;
    ahead = undefined;
    return page;
  };
  try {
    for (let cursor: string | null | undefined = start; cursor !== null; ) {
      const page: TaskPage = await (takeAhead() ?? read(cursor));
      cursor = page.nextCursor;
      if (cursor !== null && !session.isTransaction && pagesAhead < MAX_PAGES_AHEAD) {
        pagesAhead++;
        ahead = read(cursor);
        // A failure is thrown when the page is awaited, not before.
        ahead.catch(() => undefined);
      }
      for await (const piece of page.rows) {
        throwIfAborted(options.signal);
        for (const task of piece) yield task;
      }
      if (cursor !== null) onCursor?.(cursor);
    }
  } finally {
    left.abort();
    await takeAhead()?.catch(() => undefined);
  }
}

async function readPage({ tasks }: DatabaseSession, request: TaskListRequest, options: CallOptions): Promise<TaskPage> {
  if (tasks.listInPieces !== undefined) return tasks.listInPieces(request, options);
  const { items, nextCursor } = await tasks.list(request, options);
  return { rows: [items], nextCursor };
}
