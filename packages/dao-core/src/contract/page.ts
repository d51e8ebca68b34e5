import * as z from "zod";
import { text } from "./fields/text.ts";

/** One page of a list, newest rows first. */
export interface Page<Item> {
  readonly items: Item[];
  /** How many rows the filter selects, over all pages; `null` where `count` is `none`. */
  readonly total: number | null;
  /** From 1; with `skip` and `limit` it is `floor(skip / limit) + 1`; `null` where a cursor was given. */
  readonly page: number | null;
  readonly pageSize: number;
  readonly hasNext: boolean;
  readonly hasPrev: boolean;
  /** The `cursor` of the page behind this one; `null` on the last. */
  readonly nextCursor: string | null;
}

/** The most rows that a page can have, and how many it has by default (contract, "REST"). */
export const MAX_PAGE_SIZE = 100;

/**
 * How a list's `total` is found, as in PostgREST. `exact` reads every row that the filter selects, or an index on them.
 * `estimated` is exact up to 1,000 rows; beyond, it is the planner's estimate, as good as the table's statistics
 * (docs/performance.md has figures). `none` leaves it out.
 */
export const COUNT_MODES = ["exact", "estimated", "none"] as const;

export type CountMode = (typeof COUNT_MODES)[number];

/**
 * Which part of a list to answer: by `page` and `pageSize`, or by `skip` and `limit`, never by a mix of the two; or what
 * comes behind a `cursor`, as many as `pageSize` or `limit` says. A page by number takes longer the further down it is,
 * and rows that are created meanwhile move it; a page by cursor does neither.
 */
export interface PageRequest {
  /** From 1. Default 1. */
  readonly page?: number | undefined;
  /** 1 to 100. Default 100. */
  readonly pageSize?: number | undefined;
  /** How many rows to pass over. Default 0. */
  readonly skip?: number | undefined;
  /** 1 to 100. Default 100. */
  readonly limit?: number | undefined;
  /** The `nextCursor` of the page before. Opaque; it stays good. Default: none. */
  readonly cursor?: string | undefined;
  /** Default `exact`. */
  readonly count?: CountMode | undefined;
}

/** The most characters of a filter's value: it stands in a URL, and in the links to other pages several times. */
const MAX_FILTER_LENGTH = 500;

/** The value of a filter on a column of free text. */
export const filterText = () => text({ max: MAX_FILTER_LENGTH });

const pageSize = z.int().min(1).max(MAX_PAGE_SIZE);

/** Where to go on in a list or a stream. */
export const cursor = z
  .string()
  .regex(/^[\w-]{1,255}$/, { error: "must be the next cursor of a page, as it was answered" });

const pageRequestShape = {
  page: z.int().min(1).optional(),
  pageSize: pageSize.optional(),
  skip: z.int().min(0).optional(),
  limit: pageSize.optional(),
  cursor: cursor.optional(),
  count: z.enum(COUNT_MODES).optional(),
};

/** The names of what pages a list; every other name in a request is a filter. */
export const PAGING_NAMES: ReadonlySet<string> = new Set(Object.keys(pageRequestShape));

/** The schema of a list request: the paging above, and the equality filters of one entity. Nothing else is known. */
export function listRequest<Filters extends z.ZodRawShape>(filters: Filters) {
  return z.strictObject({ ...pageRequestShape, ...filters }).superRefine((request: object, context) => {
    const isGiven = (name: keyof PageRequest) => Reflect.get(request, name) !== undefined;
    const refuse = (name: keyof PageRequest, message: string) =>
      context.addIssue({ code: "custom", path: [name], message });
    if ((isGiven("page") || isGiven("pageSize")) && (isGiven("skip") || isGiven("limit"))) {
      refuse(isGiven("skip") ? "skip" : "limit", "cannot be mixed with page numbers: page by one style");
    }
    if (!isGiven("cursor")) return;
    for (const name of ["page", "skip"] as const) {
      if (isGiven(name)) refuse(name, "cannot be mixed with a cursor, which says where the page begins");
    }
  });
}

/** Where in the list a request looks. */
export interface PageWindow {
  /** Rows to pass over. */
  readonly skip: number;
  /** Rows to answer. */
  readonly limit: number;
  /** The number of that page; `null` behind a cursor. */
  readonly page: number | null;
}

/** Where in the list a request looks. */
export function pageWindow({ page = 1, pageSize, skip, limit, cursor }: PageRequest): PageWindow {
  if (cursor !== undefined) return { skip: 0, limit: pageSize ?? limit ?? MAX_PAGE_SIZE, page: null };
  if (skip === undefined && limit === undefined) {
    const size = pageSize ?? MAX_PAGE_SIZE;
    return { skip: (page - 1) * size, limit: size, page };
  }
  const [from, size] = [skip ?? 0, limit ?? MAX_PAGE_SIZE];
  return { skip: from, limit: size, page: Math.floor(from / size) + 1 };
}

/**
 * The page that `items` are, of `total` rows.
 * @param nextCursor where the next page begins; `null` if there is none
 */
export function toPage<Item>(
  items: Item[],
  total: number | null,
  { skip, limit, page }: PageWindow,
  nextCursor: string | null,
): Page<Item> {
  return {
    items,
    total,
    page,
    pageSize: limit,
    hasNext: nextCursor !== null,
    hasPrev: page === null || skip > 0,
    nextCursor,
  };
}

/** The schema of a {@link Page} of `item`. */
export function pageOf<Item extends z.ZodType>(item: Item) {
  return z.object({
    items: z.array(item),
    total: z.int().min(0).nullable(),
    page: z.int().min(1).nullable(),
    pageSize: z.int().min(1),
    hasNext: z.boolean(),
    hasPrev: z.boolean(),
    nextCursor: z.string().nullable(),
  });
}
