import { z } from "zod";

/** One page of a list, newest rows first. */
export interface Page<Item> {
  readonly items: Item[];
  /** How many rows the filter selects, over all pages. */
  readonly total: number;
  /** From 1. With `skip` and `limit` it is `floor(skip / limit) + 1`. */
  readonly page: number;
  readonly pageSize: number;
  readonly hasNext: boolean;
  readonly hasPrev: boolean;
}

/** The most rows that a page can have, and how many it has by default (contract, "REST"). */
export const MAX_PAGE_SIZE = 100;

/** Which part of a list to answer: by `page` and `pageSize`, or by `skip` and `limit`, never by a mix of the two. */
export interface PageRequest {
  /** From 1. Default 1. */
  readonly page?: number | undefined;
  /** 1 to 100. Default 100. */
  readonly pageSize?: number | undefined;
  /** How many rows to pass over. Default 0. */
  readonly skip?: number | undefined;
  /** 1 to 100. Default 100. */
  readonly limit?: number | undefined;
}

const pageSize = z.int().min(1).max(MAX_PAGE_SIZE);

const pageRequestShape = {
  page: z
    .int()
    .min(1)

    .optional(),
  pageSize: pageSize.optional(),
  skip: z.int().min(0).optional(),
  limit: pageSize.optional(),
};

/** The schema of a list request: the paging above, and the equality filters of one entity. Nothing else is known. */
export function listRequest<Filters extends z.ZodRawShape>(filters: Filters) {
  return z.strictObject({ ...pageRequestShape, ...filters }).superRefine((request: object, context) => {
    const isGiven = (name: keyof PageRequest) => Reflect.get(request, name) !== undefined;
    if (!isGiven("page") && !isGiven("pageSize")) return;
    if (!isGiven("skip") && !isGiven("limit")) return;
    const path = [isGiven("skip") ? "skip" : "limit"];
    context.addIssue({ code: "custom", path, message: "cannot be mixed with page numbers: page by one style" });
  });
}

/** Rows to pass over, rows to answer, and the number of that page. */
export interface PageWindow {
  readonly skip: number;
  readonly limit: number;
  readonly page: number;
}

/** Where in the list a request looks. */
export function pageWindow({ page = 1, pageSize = MAX_PAGE_SIZE, skip, limit }: PageRequest): PageWindow {
  if (skip === undefined && limit === undefined) return { skip: (page - 1) * pageSize, limit: pageSize, page };
  const [from, size] = [skip ?? 0, limit ?? MAX_PAGE_SIZE];
  return { skip: from, limit: size, page: Math.floor(from / size) + 1 };
}

/** The page that `items` are, of `total` rows. */
export function toPage<Item>(items: Item[], total: number, { skip, limit, page }: PageWindow): Page<Item> {
  return {
    items,
    total,
    page,
    pageSize: limit,
    hasNext: skip + items.length < total,
    hasPrev: skip > 0,
  };
}

/** The schema of a {@link Page} of `item`. */
export function pageOf<Item extends z.ZodType>(item: Item) {
  return z.object({
    items: z.array(item),
    total: z.int().min(0),
    page: z.int().min(1),
    pageSize: z.int().min(1),
    hasNext: z.boolean(),
    hasPrev: z.boolean(),
  });
}
