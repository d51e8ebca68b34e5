import type * as z from "zod";
import type { CallOptions, StreamOptions } from "../contract/call-options.ts";
import { validate } from "../contract/fields/validation.ts";
import type { PageRequest } from "../contract/page.ts";
import type { EntityDao } from "../session/database-session.ts";
import { MAX_PAGES_AHEAD, STREAM_PAGE_ROWS } from "../session/limits.ts";
import { throwIfAborted, withEitherSignal } from "../session/waiting/deadline.ts";

/** A page in pieces, or whole as a single piece. */
interface RowPage<Dto> {
  readonly rows: AsyncIterable<readonly Dto[]> | Iterable<readonly Dto[]>;
  readonly nextCursor: string | null;
}

type Lists<Dto, List> = Pick<EntityDao<Dto, never, never, List>, "list" | "listInPieces">;

/** How many pages the streams of this process are reading ahead. */
let pagesAhead = 0;

/** Streams every row that the filter matches (after the cursor, if one is given), page by page. */
export async function* streamRows<Dto, List extends PageRequest>(
  { dao, isInTransaction }: { readonly dao: Lists<Dto, List>; readonly isInTransaction: boolean },
  schema: z.ZodType<List>,
  input: unknown,
  { onCursor, ...options }: StreamOptions = {},
): AsyncGenerator<Dto, void, undefined> {
  const request = validate(schema, input);
  const left = new AbortController();
  const read = (cursor?: string): Promise<RowPage<Dto>> =>
    withEitherSignal(options.signal, left.signal, (signal) =>
      readPage(dao, { ...request, limit: STREAM_PAGE_ROWS, cursor, count: "none" }, { ...options, signal }),
    );
  let ahead: Promise<RowPage<Dto>> | undefined;
  const takeAhead = () => {
    if (ahead !== undefined) pagesAhead--;
    const page = ahead;
    ahead = undefined;
    return page;
  };
  try {
    for (let cursor: string | null | undefined = request.cursor; cursor !== null; ) {
      const page: RowPage<Dto> = await (takeAhead() ?? read(cursor));
      cursor = page.nextCursor;
      if (cursor !== null && !isInTransaction && pagesAhead < MAX_PAGES_AHEAD) {
        pagesAhead++;
        ahead = read(cursor);
        // A failure is thrown when the page is awaited, not before.
        ahead.catch(() => undefined);
      }
      for await (const piece of page.rows) {
        throwIfAborted(options.signal);
        for (const row of piece) {
          options.signal?.throwIfAborted();
          yield row;
        }
      }
      if (cursor !== null) onCursor?.(cursor);
    }
  } finally {
    left.abort();
    await takeAhead()?.catch(() => undefined);
  }
}

async function readPage<Dto, List>(dao: Lists<Dto, List>, request: List, options: CallOptions): Promise<RowPage<Dto>> {
  if (dao.listInPieces !== undefined) return dao.listInPieces(request, options);
  const { items, nextCursor } = await dao.list(request, options);
  return { rows: [items], nextCursor };
}
